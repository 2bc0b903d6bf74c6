// SPDX-License-Identifier: MPL-2.0
/**
 * Who may look into whose process: ptrace(2), "Ptrace access mode checking".
 */
#include "process_impl.h"

static bool
ids_match(const struct cred *self, const struct cred *other)
{
	return self->uid == other->uid && self->uid == other->euid && self->uid == other->suid && self->gid == other->gid &&
	       self->gid == other->egid && self->gid == other->sgid;
}

bool
process_may_look(struct thread *thread)
{
	const struct cred *self = cred_current();
	REF_SCOPE(cred, other);
	if (thread->process == process_current() || capable(CAP_SYS_PTRACE))
		return true;
	other = thread_cred_get(thread);
	return ids_match(self, other) && atomic32_load(&thread->process->dumpable) == 1 && (other->cap_permitted & ~self->cap_permitted) == 0;
}
