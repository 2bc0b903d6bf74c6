// SPDX-License-Identifier: MPL-2.0
/**
 * Files in flight: those that lie in packets which nobody has received yet (SCM_RIGHTS).
 *
 * A user may have no more of them than descriptors (RLIMIT_NOFILE), else ETOOMANYREFS (unix(7)).
 */
#include "unix.h"

#include <thread.h>

struct flight_user { struct user_account *account; };
OBJECT_DECLARE(flight_user);
OBJECT_DEFINE(flight_user);

err_t
unix_files_send(struct socket_message *scoped message, struct unix_packet *packet)
{
	struct socket_files *files = message->files;
	struct flight_user *user = flight_user_alloc();
	if (user == nullptr)
		return ENOMEM;
	user->account = user_account_find(cred_current()->uid);
	if (user->account == nullptr) {
		flight_user_put(user);
		return ENOMEM;
	}
	u64 before = user_account_add(user->account, USER_UNIX_IN_FLIGHT, files->count) - files->count;
	if (before > rlimit_current(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN)) {
		(void)user_account_add(user->account, USER_UNIX_IN_FLIGHT, ~(u64)files->count + 1);
		user_account_drop(user->account);
		flight_user_put(user);
		return ETOOMANYREFS;
	}
	files->account = flight_user_object(user);
	packet->files = files;
	message->files = nullptr;
	return OK;
}

/** Out of flight. => the files, which are the caller's */
static struct socket_files *
files_land(struct unix_packet *packet)
{
	struct socket_files *files = packet->files;
	struct flight_user *user = flight_user_from(files->account);
	packet->files = nullptr;
	files->account = nullptr;
	(void)user_account_add(user->account, USER_UNIX_IN_FLIGHT, ~(u64)files->count + 1);
	user_account_drop(user->account);
	flight_user_put(user);
	return files;
}

void
unix_files_receive(struct unix_packet *packet, struct socket_message *scoped message)
{
	struct socket_files *files = files_land(packet);
	if (message->files != nullptr)
		socket_files_drop(files);
	else
		message->files = files;
}

err_t
unix_files_peek(struct unix_packet *packet, struct socket_message *scoped message)
{
	struct socket_files *files = packet->files;
	struct socket_files *copy = socket_files_alloc();
	if (copy == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < files->count && i < SOCKET_FILES_MAX; i++) {
		file_get(files->items[i]);
		*ELEM(copy->items, i) = files->items[i];
		copy->count += 1;
	}
	if (message->files != nullptr)
		socket_files_drop(message->files);
	message->files = copy;
	return OK;
}

void
unix_files_drop(struct unix_packet *packet)
{
	socket_files_drop(files_land(packet));
}
