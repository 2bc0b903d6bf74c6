/* a task with a typed argument. */
#include <cadre/fw.h>
struct job { u32 id; };
OBJECT_DECLARE(job);
static u32 done;
static void run(struct object *argument) { done += job_from(argument)->id; }
err_t f(void) { struct job *j = job_alloc(); if (j == nullptr) return ENOMEM; j->id = 3; return task_start(run, job_object(j)); }
