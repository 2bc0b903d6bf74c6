// SPDX-License-Identifier: MPL-2.0
/**
 * /dev/console and /dev/tty: other names for a terminal, found at each open.
 *
 * /dev/console is the terminal of the last `console=` on the command line, or else the first serial line. Before any is there it is the
 * kernel's own console, for output alone.
 *
 * Source: console(4), tty(4).
 */
#include <cadre/boot.h>

#include "tty_impl.h"

enum : u32 { TTY_MAJOR = 5, MINOR_TTY = 0, MINOR_CONSOLE = 1, OPTION_MAX = 32 };

static struct tty *console;             /* counted; published once, or twice at boot */

/** Whether the last `console=` names this terminal, which may have settings behind a comma. */
static bool
is_wanted(const struct tty *tty)
{
	u8 option[OPTION_MAX] = {};
	size_t len = 0;
	if (!boot_option(TEXT("console"), BYTES_OF(option), &len))
		return false;
	len = MIN(len, (size_t)OPTION_MAX);
	for (size_t i = 0; i < len; i++) {
		if (option[i] == ',')
			len = i;
	}
	return cbytes_equal(cbytes_sub(CBYTES_OF(option), 0, len), cbytes_sub(CBYTES_OF(tty->name), 0, tty->name_len));
}

void
tty_console_offer(struct tty *tty)
{
	if (console != nullptr && !is_wanted(tty))
		return;
	tty_get(tty);
	POINTER_PUBLISH(console, tty);
}

static err_t
console_open(struct file *file, u32 minor)
{
	(void)minor;
	struct tty *tty = POINTER_LOAD(console);
	return tty != nullptr ? tty_open_file(tty, file, true) : ENODEV;
}

static err_t
current_open(struct file *file, u32 minor)
{
	REF_SCOPE(tty, tty);
	(void)minor;
	tty = tty_current();
	return tty != nullptr ? tty_open_file(tty, file, false) : ENXIO;
}

static const struct device_ops console_device = { .open = console_open, .file_ops = &tty_file_ops };
static const struct device_ops current_device = { .open = current_open, .file_ops = &tty_file_ops };

err_t
console_init(void)
{
	device_register(TTY_MAJOR, MINOR_TTY, 1, &current_device);
	device_register(TTY_MAJOR, MINOR_CONSOLE, 1, &console_device);
	TRY(devfs_add(TEXT("tty"), S_IFCHR | 0666, 0, 0, TTY_MAJOR, MINOR_TTY));
	return devfs_add(TEXT("console"), S_IFCHR | 0600, 0, 0, TTY_MAJOR, MINOR_CONSOLE);
}
