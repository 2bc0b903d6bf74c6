// SPDX-License-Identifier: MPL-2.0
/**
 * Terminals: what a driver gives the line discipline, and what the rest of the kernel asks of a terminal.
 *
 * A `struct tty` is a terminal as programs see it: a serial line, or the slave of a pseudoterminal. The line discipline (N_TTY) is
 * always there; the driver below it moves bytes: `tty_input` brings what was typed, `ops->write` takes what is to be shown.
 *
 * Invariants: 1. what stands in the input ring has been through the line discipline once. 2. A terminal has at most one session, and that
 * session has this terminal; both sides change together (job.c).
 *
 * Lock order: tty.lock → pid_lock, session.lock, the driver's own; tty.flip_lock and poll queues are leaves. No lock is held while user
 * memory is touched.
 */
#pragma once

#include <cadre/object.h>
#include <cadre/sync.h>

#include <file.h>
#include <poll.h>
#include <work.h>

struct tty;
struct session;
struct process_group;

enum : u32 { TERMIOS_CC = 19, TTY_INPUT = 4096, TTY_FLIP = 8192, TTY_ECHO = 1024, TTY_WAKE_ROOM = 256, TTY_NAME = 16 };

/** struct termios2 of the ABI; struct termios is all but the last two words. Plain data. */
struct termios {
	u32 iflag, oflag, cflag, lflag;
	u8 line;
	u8 cc[TERMIOS_CC];
	u32 ispeed, ospeed;
};
struct winsize { u16 rows, columns, xpixel, ypixel; };

/**
 * What a driver does. All but open, close, drain, ioctl and release are called with tty.lock held and do not sleep. A missing op does
 * nothing, and counts nothing.
 */
struct tty_ops {
	u32 (*write)(struct tty *tty, struct cbytes text);     /**< takes what there is room for. => how much */
	u32 (*room)(struct tty *tty);
	void (*kick)(struct tty *tty);                         /**< what was written is to go out now */
	u32 (*pending)(struct tty *tty);                       /**< bytes that have not left yet */
	void (*flush)(struct tty *tty);                        /**< forgets them */
	void (*input_flushed)(struct tty *tty);
	void (*input_room)(struct tty *tty);                   /**< the program has read: more may come */
	void (*stop)(struct tty *tty);                         /**< no output until start */
	void (*start)(struct tty *tty);
	void (*urgent)(struct tty *tty, u8 byte);              /**< sends it ahead of all else */
	void (*changed)(struct tty *tty, const struct termios *scoped old);  /**< may correct what it cannot do in tty->termios */
	void (*set_break)(struct tty *tty, bool on);
	u32 (*modem)(struct tty *tty);                         /**< TIOCM_* */
	void (*set_modem)(struct tty *tty, u32 lines);
	err_t (*open)(struct tty *tty, struct file *file);     /**< before it counts as open */
	void (*close)(struct tty *tty);                        /**< after the last close */
	void (*hangup)(struct tty *tty);
	err_t (*ioctl)(struct tty *tty, u32 command, u64 arg, u64 *scoped result); /**< => ENOTTY: not one of its own */
	void (*release)(struct tty *tty);                      /**< the tty goes: put `driver` */
	bool pty;                                              /**< its session's end does not hang it up */
};

/** Received bytes with their errors, until the line discipline takes them: TTY_FLIP entries of byte | enum tty_flag. */
enum tty_flag : u16 { TTY_NORMAL = 0, TTY_BREAK = 0x100, TTY_PARITY = 0x200, TTY_FRAME = 0x300, TTY_OVERRUN = 0x400 };
ARRAY_DECLARE(flip_array, u16);

/** What the line discipline keeps. Positions count up for ever; all under tty.lock. */
struct tty_line {
	u8 input[TTY_INPUT];
	u64 marks[TTY_INPUT / 64];          /* a line ends with this byte */
	u32 head, tail;                     /* written, read */
	u32 canon;                          /* up to here lines are complete */
	u8 echo[TTY_ECHO];                  /* echo that found no room: goes out before anything else */
	u32 echo_head, echo_tail;
	u32 column, canon_column;           /* of the cursor; where the present line began */
	bool erasing, literal;              /* ECHOPRT is under way; the next byte is VLNEXT's */
	u64 special[4];                     /* bytes that are more than text under the present settings */
	bool stopped, stopped_by_ioctl;
};

struct tty {
	struct spin_lock lock;
	const struct tty_ops *ops;          /* [const] */
	struct object *driver;              /* [const] the driver's */
	u32 major, minor;                   /* [const] */
	u8 name[TTY_NAME]; u32 name_len;    /* [const] "ttyS0", "pts/3" */
	struct termios termios;             /* under lock; single flags are read without */
	struct termios locked;              /* under lock: bits that TIOCSLCKTRMIOS holds */
	struct winsize size;                /* under lock */
	struct tty_line line;
	struct session *session;            /* under lock; counted */
	struct process_group *group;        /* under lock; counted: foreground. Compared without */
	u32 opens, closing;                 /* under lock */
	struct atomic32 generation;         /* counts hang-ups: what was opened before one is dead */
	struct atomic32 exclusive;          /* TIOCEXCL */
	struct atomic32 reading, writing;   /* 1: a read, a write is under way */
	struct wait_queue turn;             /* for those two */
	struct poll_queue readable, writable;
	struct irq_spin_lock flip_lock;
	struct flip_array *flip;            /* [const] */
	u32 flip_head, flip_tail;           /* under flip_lock; the tail moves under both locks */
	struct atomic32 overruns;
	struct work *work;                  /* [const] feeds the line discipline */
};
OBJECT_DECLARE(tty);   /* tty_get, tty_put */

/** An open file of a terminal: file->private. */
struct tty_open {
	struct tty *tty;                    /* [const] counted. A master's: the slave */
	u32 generation;                     /* [const] */
	bool master, console;               /* [const] */
};
OBJECT_DECLARE(tty_open);

/** A terminal with the standard settings. `driver` is handed over with success. => ENOMEM */
err_t tty_create(const struct tty_ops *ops, struct object *driver, u32 major, u32 minor, struct cbytes name, struct tty **scoped out);
extern const struct file_ops tty_file_ops;
/** Makes `file` an open file of `tty`: what a device's open does. => EIO, EBUSY (TIOCEXCL), ENOMEM, the driver's */
err_t tty_open_file(struct tty *tty, struct file *file, bool console);

/** Received bytes, from an interrupt handler or anywhere: they are queued, the line discipline runs soon. => how many found room */
u32 tty_input(struct tty *tty, struct cbytes text, enum tty_flag flag);
/** The driver has room for output again. Any context. */
void tty_output_ready(struct tty *tty);
/** Bytes for the line discipline now. In a task; tty.lock is not held. => how many it took; the rest when input_room says so */
u32 tty_receive(struct tty *tty, struct cbytes text);

/** The line is lost: SIGHUP for the session, end of file and EIO for all who have it open. Sleeps. */
void tty_hangup(struct tty *tty);
/** The running process' controlling terminal with a reference. => null: none */
struct tty *tty_current(void);
/** For /proc/PID/stat: device numbers and foreground group (-1: none). => false: no terminal */
struct process;
bool tty_of_process(struct process *process, u32 *scoped major, u32 *scoped minor, i32 *scoped foreground);

/** Which terminal /dev/console is, by what the command line says. The first that matches wins unless a later `console=` names another. */
void tty_console_offer(struct tty *tty);
/** All output of all terminals has left: before the machine stops. Waits a second at most. */
void tty_drain_all(void);
/** A driver's terminal is listed, for tty_drain_all and /dev. `mode` of the node. => ENOMEM */
err_t tty_register(struct tty *tty, u32 mode);
/** For a device's open: the registered terminal with these numbers. => null */
struct tty *tty_find(u32 major, u32 minor);
err_t tty_init(void);
