// SPDX-License-Identifier: MPL-2.0
/**
 * memfd_create(2): a file in memory without a name in any directory, with seals (fcntl(2), F_ADD_SEALS).
 */
#include <cadre/log.h>

#include <inode.h>
#include <syscall_handlers.h>
#include <tmpfs.h>
#include <uio.h>

enum memfd_flags : u32 {
	MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_HUGETLB = 4, MFD_NOEXEC_SEAL = 8, MFD_EXEC = 16,
	MFD_KNOWN = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC, MFD_HUGE_SIZES = (u32)0x3f << 26,
};
enum : u32 { NAME_LIMIT = 249, PREFIX_LEN = 6, SEAL_SEAL = 1, SEAL_EXEC = 32 };

err_t
sys_memfd_create(uaddr_t name, u32 flags, u64 *scoped result)
{
	u8 text[PREFIX_LEN + NAME_LIMIT + 1] = { 'm', 'e', 'm', 'f', 'd', ':' };
	size_t len = 0;
	i32 fd = -1;
	if ((flags & ~(u32)(MFD_KNOWN | ((flags & MFD_HUGETLB) != 0 ? (u32)MFD_HUGE_SIZES : 0))) != 0)
		return EINVAL;
	if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
		return EINVAL;
	err_t err = copy_in_string(bytes_from(BYTES_OF(text), PREFIX_LEN), name, &len);
	if (err != OK)
		return err == ENAMETOOLONG ? EINVAL : err;
	if ((flags & MFD_HUGETLB) != 0)
		return ENOSYS;   /* there is no hugetlbfs */
	bool noexec = (flags & MFD_NOEXEC_SEAL) != 0, sealable = noexec || (flags & MFD_ALLOW_SEALING) != 0;
	REF_SCOPE(file, file);
	struct file *made = nullptr;
	TRY(tmpfs_file_create(cbytes_sub(CBYTES_OF(text), 0, PREFIX_LEN + len), 0, noexec ? 0666 : 0777, O_RDWR | O_LARGEFILE, &made));
	file = made;
	atomic32_store(&file->inode->seals, (sealable ? 0 : (u32)SEAL_SEAL) | (noexec ? (u32)SEAL_EXEC : 0));
	TRY(fd_install(file, 0, (flags & MFD_CLOEXEC) != 0, &fd));
	*result = (u64)(u32)fd;
	return OK;
}
