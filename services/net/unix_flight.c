// SPDX-License-Identifier: MPL-2.0
/**
 * Files in flight: those that lie in packets which nobody has received yet (SCM_RIGHTS), and the collector of what they keep alive.
 *
 * A user may have no more of them than descriptors (RLIMIT_NOFILE), else ETOOMANYREFS (unix(7)).
 *
 * Sockets that lie in each other's queues keep each other alive for ever once no descriptor is left. So when a socket is closed, the
 * collector goes from all that is held from elsewhere (more references to its file than lie in queues) through the queues; what it
 * has not reached then is closed. A reference to a file that only lies in queues can be got in one way: out of a queue, under flight_lock. So
 * the collector's counts hold as long as it has that lock.
 */
#include "unix.h"

#include <thread.h>

/** The files of one packet. */
struct unix_flight {
	struct socket_files *files;         /* counted, with all files in it */
	struct user_account *account;       /* who is charged */
	struct unix_packet *packet;         /* not counted: it takes its flight out before it goes */
	struct unix_sock *holder;           /* not counted: as before */
	LIST_LINK(struct unix_flight) link; /* the holder's */
};
OBJECT_DECLARE(unix_flight);
OBJECT_DEFINE(unix_flight);
LIST_OF(unix_flight_list, struct unix_flight, link);
LIST_OF(unix_holder_list, struct unix_sock, holder_link);

static struct flights {
	struct spin_lock lock;
	struct unix_holder_list holders GUARDED_BY(&lock);
} flights;
static struct atomic32 sockets_in_flight;
static struct atomic32 collecting;          /* 1: somebody does; 2: and is to do it again */

static void
holder_put_on(struct unix_sock *holder, struct unix_flight *flight) MUST_HOLD(&flights.lock)
{
	struct unix_flight_list list = { holder->flight_head, holder->flight_tail };
	if (unix_flight_list_empty(&list))
		unix_holder_list_push_back(&flights.holders, holder);
	unix_flight_list_push_back(&list, flight);
	holder->flight_head = list.head;
	holder->flight_tail = list.tail;
}

static void
holder_take_off(struct unix_flight *flight) MUST_HOLD(&flights.lock)
{
	struct unix_sock *holder = flight->holder;
	struct unix_flight_list list = { holder->flight_head, holder->flight_tail };
	unix_flight_list_remove(&list, flight);
	holder->flight_head = list.head;
	holder->flight_tail = list.tail;
	if (unix_flight_list_empty(&list))
		unix_holder_list_remove(&flights.holders, holder);
	flight->packet->flight = nullptr;
}

void
unix_set_file(struct unix_sock *sock, struct file *file)
{
	SPIN_SCOPE(&flights.lock);
	sock->file = file;
	sock->ino = file != nullptr ? file->ino : sock->ino;
	sock->listener = nullptr;
}

void
unix_set_listener(struct unix_sock *sock, struct unix_sock *listener)
{
	SPIN_SCOPE(&flights.lock);
	sock->listener = listener;
}

static struct unix_sock *
sock_of_file(struct file *file)
{
	return file_is(file, &unix_file_ops) ? file->unix_sock : nullptr;
}

static u32
sockets_among(struct socket_files *files)
{
	u32 count = 0;
	for (u32 i = 0; i < files->count && i < SOCKET_FILES_MAX; i++)
		count += sock_of_file(files->items[i]) != nullptr ? 1 : 0;
	return count;
}

/** Charges the running thread's user. => ETOOMANYREFS */
static err_t
flight_charge(u32 count, struct user_account **scoped out)
{
	struct user_account *account = user_account_current_get();
	u64 before = user_count_add(&account->files_in_flight, count) - count;
	if (before > rlimit_current(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN)) {
		(void)user_count_add(&account->files_in_flight, ~(u64)count + 1);
		user_account_put(account);
		return ETOOMANYREFS;
	}
	*out = account;
	return OK;
}

err_t
unix_files_send(struct socket_message *scoped message, struct unix_packet *packet, struct unix_sock *holder)
{
	struct socket_files *files = message->files;
	struct unix_flight *flight = unix_flight_alloc();
	if (flight == nullptr)
		return ENOMEM;
	err_t err = flight_charge(files->count, &flight->account);
	if (err != OK) {
		unix_flight_put(flight);
		return err;
	}
	flight->files = files;
	flight->packet = packet;
	flight->holder = holder;
	message->files = nullptr;
	(void)atomic32_add(&sockets_in_flight, sockets_among(files));
	SPIN_SCOPE(&flights.lock);
	packet->flight = flight;
	holder_put_on(holder, flight);
	return OK;
}

/** Ends a flight that is off its holder's list. => its files, which are the caller's */
static struct socket_files *
flight_end(struct unix_flight *flight)
{
	struct socket_files *files = flight->files;
	(void)atomic32_sub(&sockets_in_flight, sockets_among(files));
	(void)user_count_add(&flight->account->files_in_flight, ~(u64)files->count + 1);
	user_account_put(flight->account);
	unix_flight_put(flight);
	return files;
}

/** => null: the collector has been quicker */
static struct socket_files *
files_land(struct unix_packet *packet)
{
	struct unix_flight *flight = nullptr;
	{
		SPIN_SCOPE(&flights.lock);
		flight = packet->flight;
		if (flight != nullptr)
			holder_take_off(flight);
	}
	return flight != nullptr ? flight_end(flight) : nullptr;
}

void
unix_files_receive(struct unix_packet *packet, struct socket_message *scoped message)
{
	struct socket_files *files = files_land(packet);
	if (files != nullptr && message->files != nullptr)
		socket_files_drop(files);
	else if (files != nullptr)
		message->files = files;
}

err_t
unix_files_peek(struct unix_packet *packet, struct socket_message *scoped message)
{
	struct socket_files *copy = socket_files_alloc();
	if (copy == nullptr)
		return ENOMEM;
	{
		SPIN_SCOPE(&flights.lock);
		struct socket_files *files = packet->flight != nullptr ? packet->flight->files : nullptr;
		for (u32 i = 0; files != nullptr && i < files->count && i < SOCKET_FILES_MAX; i++) {
			file_get(files->items[i]);
			*ELEM(copy->items, i) = files->items[i];
			copy->count += 1;
		}
	}
	if (message->files != nullptr)
		socket_files_drop(message->files);
	message->files = copy;
	return OK;
}

void
unix_files_drop(struct unix_packet *packet)
{
	struct socket_files *files = files_land(packet);
	if (files != nullptr)
		socket_files_drop(files);
}

/* --- the collector ------------------------------------------------------------------------------------------------ */

typedef void found_fn(struct unix_sock *sock);

/** Calls fn for each socket in the queue of `holder`. */
static void
holder_for_each(struct unix_sock *holder, found_fn *fn) MUST_HOLD(&flights.lock)
{
	struct unix_flight_list list = { holder->flight_head, holder->flight_tail };
	LIST_FOR(unix_flight_list, flight, &list) {
		struct socket_files *files = flight->files;
		for (u32 i = 0; i < files->count && i < SOCKET_FILES_MAX; i++) {
			struct unix_sock *sock = sock_of_file(files->items[i]);
			if (sock != nullptr)
				fn(sock);
		}
	}
}

static void found_clear(struct unix_sock *sock) { sock->found = 0; sock->reached = false; }
static void found_count(struct unix_sock *sock) { sock->found += 1; }
static void found_reach(struct unix_sock *sock) { sock->reached = true; }

/** Whether something else than queues refers to the socket's file; one that is being closed empties its queue itself. */
static bool
held_elsewhere(struct unix_sock *sock) MUST_HOLD(&flights.lock)
{
	if (sock->file == nullptr)
		return sock->listener == nullptr || sock->listener->reached ||
		       (sock->listener->file != nullptr && file_refs(sock->listener->file) > sock->listener->found);
	return file_refs(sock->file) > sock->found;
}

/** Counts, then goes through queues from what is held; `reached` says how it ended. One that has been gone through has `found` ~0. */
static void
holders_mark(void) MUST_HOLD(&flights.lock)
{
	LIST_FOR(unix_holder_list, holder, &flights.holders) {
		found_clear(holder);
		if (holder->listener != nullptr)
			found_clear(holder->listener);
		holder_for_each(holder, found_clear);
	}
	LIST_FOR(unix_holder_list, holder, &flights.holders)
		holder_for_each(holder, found_count);
	LIST_FOR(unix_holder_list, holder, &flights.holders)
		holder->reached = held_elsewhere(holder);
	for (bool more = true; more;) {
		more = false;
		LIST_FOR(unix_holder_list, holder, &flights.holders) {
			bool reached = holder->reached || (holder->listener != nullptr && holder->listener->reached);
			if (!reached || holder->found == ~(u32)0)
				continue;
			holder->reached = true;
			holder->found = ~(u32)0;
			holder_for_each(holder, found_reach);
			more = true;
		}
	}
}

/** Takes one flight off a queue that has not been reached. */
static struct unix_flight *
garbage_pop(void)
{
	SPIN_SCOPE(&flights.lock);
	holders_mark();
	LIST_FOR(unix_holder_list, holder, &flights.holders) {
		struct unix_flight *flight = holder->reached ? nullptr : holder->flight_head;
		if (flight != nullptr) {
			holder_take_off(flight);
			return flight;
		}
	}
	return nullptr;
}

void
unix_collect(void)
{
	if (__builtin_expect(atomic32_load(&sockets_in_flight) == 0, true))
		return;
	if (atomic32_exchange(&collecting, 2) != 0)
		return;     /* who collects does it again: also when it closes what it has found */
	do {
		atomic32_store(&collecting, 1);
		struct unix_flight *flight = garbage_pop();
		if (flight != nullptr) {
			socket_files_drop(flight_end(flight));
			atomic32_store(&collecting, 2);
		}
	} while (atomic32_exchange(&collecting, 0) == 2 && atomic32_exchange(&collecting, 2) == 0);
}
