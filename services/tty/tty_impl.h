// SPDX-License-Identifier: MPL-2.0
/** What the files of services/tty share. All `_locked` functions are called with tty.lock held. */
#pragma once

#include <cadre/log.h>

#include <devfs.h>
#include <inode.h>
#include <session.h>
#include <signal.h>
#include <tty.h>
#include <uio.h>

#include "termios.h"

static inline bool tty_iflag(const struct tty *tty, u32 flag) { return (tty->termios.iflag & flag) != 0; }
static inline bool tty_oflag(const struct tty *tty, u32 flag) { return (tty->termios.oflag & flag) != 0; }
static inline bool tty_lflag(const struct tty *tty, u32 flag) { return (tty->termios.lflag & flag) != 0; }
static inline u32 tty_room(struct tty *tty) { return tty->ops->room != nullptr ? tty->ops->room(tty) : TTY_WAKE_ROOM; }
static inline u32 tty_pending(struct tty *tty) { return tty->ops->pending != nullptr ? tty->ops->pending(tty) : 0; }
static inline void tty_kick_locked(struct tty *tty) { if (tty->ops->kick != nullptr) tty->ops->kick(tty); }
/** Whether a line is being put together (and not by an external program). */
static inline bool tty_is_canonical(const struct tty *tty) { return (tty->termios.lflag & (ICANON | EXTPROC)) == ICANON; }
static inline u32 tty_unread(const struct tty *tty) { return tty->line.head - tty->line.tail; }
/** Bytes of characters behind the first one, where the terminal speaks UTF-8. */
static inline bool tty_is_continuation(const struct tty *tty, u8 byte) { return tty_iflag(tty, IUTF8) && (byte & 0xc0) == 0x80; }
static inline bool byte_is_control(u8 byte) { return byte < 0x20 || byte == 0x7f; }

/* output.c */
/** Puts text through OPOST to the driver. => how much of it went; less where there is no room */
u32 output_text_locked(struct tty *tty, struct cbytes text);
void echo_raw_locked(struct tty *tty, u8 byte);        /**< as output, without making control characters visible */
void echo_char_locked(struct tty *tty, u8 byte);       /**< visible, by ECHOCTL */
void echo_back_locked(struct tty *tty, u32 columns);   /**< moves the cursor back */
/** Sends what echo is waiting. => whether all of it went */
bool echo_flush_locked(struct tty *tty);
void output_stop_locked(struct tty *tty);
void output_start_locked(struct tty *tty);

/* input.c */
void line_settings_locked(struct tty *tty, const struct termios *scoped old);  /**< the settings have changed; null: the first ones */
u32 line_receive_locked(struct tty *tty, struct cbytes text);
void line_flush_locked(struct tty *tty);               /**< forgets what was typed and not read */
void flip_drain_locked(struct tty *tty);               /**< feeds the discipline from the queue while it has room */
void flip_flush_locked(struct tty *tty);
bool line_readable_locked(struct tty *tty, bool by_minimum);
/** Signal to the foreground group, with all that VINTR and its like bring. */
void line_signal_locked(struct tty *tty, u32 number);

/* read.c */
err_t line_read(struct tty_open *open, struct uio *scoped uio, u32 flags);

/* job.c */
/** The running process may do this to its terminal now. `number`: SIGTTIN or SIGTTOU. => ERESTARTSYS (stopped), EIO */
err_t job_check(struct tty *tty, u32 number);
bool job_is_current(struct tty *tty);                  /**< it is the running process' controlling terminal */
void job_open(struct tty *tty, struct file *file);     /**< becomes the controlling terminal where that is due */
err_t job_take(struct tty *tty, struct file *file, u64 arg);
err_t job_leave(struct tty *tty);
err_t job_group_get(struct tty *tty, bool master, i32 *scoped id);
err_t job_group_set(struct tty *tty, i32 id);
err_t job_session_get(struct tty *tty, bool master, i32 *scoped id);
void job_init(void);
void job_last_close(struct tty *tty);                   /**< nobody has it open: no session keeps it */
void job_winsize_changed(struct tty *tty);

/* termios.c */
void termios_standard(struct termios *scoped termios);
err_t termios_ioctl(struct tty *tty, u32 command, u64 arg);
u32 termios_rate(u32 cflag);
err_t tty_drain(struct tty *tty);                      /**< => ERESTARTSYS */

/* tty.c */
bool tty_is_hung(const struct tty_open *open);
err_t tty_turn(struct tty *tty, struct atomic32 *turn, u32 flags);  /**< => EAGAIN, ERESTARTSYS */
void tty_turn_end(struct tty *tty, struct atomic32 *turn);
void tty_wake_all(struct tty *tty);

err_t tty_ioctl_unread(struct tty_open *open, u64 *scoped bytes);
err_t tty_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result);

/* pty.c */
struct pty;
OBJECT_DECLARE(pty);
enum : u32 { PTY_MAJOR = 136 };
extern const struct file_ops pty_master_ops;
struct pty *pty_of(struct tty *tty);
/** A new pair; `*slave` has a reference, and the pty lives as long as that. `instance`: devpts', not counted */
err_t pty_create(u32 index, struct object *instance, struct tty **scoped slave);
/** Makes `file` its master. From then on the pair has a reference of `instance` and one of its node, which devpts_remove takes back. */
err_t pty_open_master(struct tty *slave, struct file *file);
void pty_set_node(struct tty *slave, struct dentry *node);

/* devpts.c */
/** The master has gone: the node is removed, the number is free; the references to instance and node are put. */
void devpts_remove(struct object *instance, struct dentry *node, u32 index);
err_t devpts_open_peer(struct file *master, struct dentry *node, u32 flags, struct file **scoped out);
err_t devpts_init(void);

/* console.c */
err_t console_init(void);
