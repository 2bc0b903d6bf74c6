/* file descriptors. */
struct file { int count; };
struct table { struct file *files[64]; };
int install(struct table *t, struct file *f) { for (int fd = 0; fd < 64; fd++) if (t->files[fd] == nullptr) { t->files[fd] = f; f->count++; return fd; } return -1; }
struct file *get(struct table *t, int fd) { if (fd < 0 || fd >= 64) return nullptr; return t->files[fd]; }
