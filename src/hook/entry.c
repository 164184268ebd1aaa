/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook/entry.h"

#include "hook/sys.h"

#ifdef HOOK_RAW

/*
 * What the C library would do: the entry of the program, the way back from a signal, and
 * the functions compilers call by themselves.
 */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
void hook_start(long *stack);
_Noreturn void __stack_chk_fail(void);
extern uintptr_t __stack_chk_guard;

/* the barrier keeps compilers from making a call of the function itself of the loop */
__attribute__((used)) void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		((char *)to)[i] = ((const char *)from)[i];
		__asm__ volatile("" ::: "memory");
	}
	return to;
}

__attribute__((used)) void *memset(void *to, int c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		((char *)to)[i] = (char)c;
		__asm__ volatile("" ::: "memory");
	}
	return to;
}

uintptr_t __stack_chk_guard = 0x00000aff0d0aff00;

void __stack_chk_fail(void)
{
	sys_exit();
}

/* argc, argv and the environment as the kernel puts them there */
__attribute__((used, noreturn)) void hook_start(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);

	hook_main(argc, argv, argv + argc + 1);
}

/* the alarm's handler comes back here (x86: there is no other way) */
void hook_sigreturn(void);

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#if defined(__x86_64__)
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call hook_start\n"
	".globl hook_sigreturn\n"
	"hook_sigreturn:\n"
	"	mov $15, %eax\n"
	"	syscall\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl hook_start\n"
	".globl hook_sigreturn\n"
	"hook_sigreturn:\n"
	"	mov x8, #139\n"
	"	svc 0\n");
#else
#error "HOOK_RAW is for x86-64 and arm64"
#endif

int sys_on_alarm(void (*fn)(int))
{
	const struct kernel_sigaction sa = {
		.handler = fn,
		.flags = 0x44000000, /* SA_NODEFER | SA_RESTORER */
		.restorer = hook_sigreturn,
	};
	const uint64_t mask = (uint64_t)1 << (SIGALRM - 1);
	long r = sys6(SYS_rt_sigaction, SIGALRM, (long)&sa, 0, sizeof(mask), 0);

	if (r < 0)
		return (int)r;
	return (int)sys6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, sizeof(mask),
			 0);
}

#else

int sys_on_alarm(void (*fn)(int))
{
	const struct sigaction sa = { .sa_handler = fn, .sa_flags = SA_NODEFER };
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	if (sigaction(SIGALRM, &sa, NULL) < 0 ||
	    sigprocmask(SIG_UNBLOCK, &mask, NULL) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	hook_main(argc, argv, environ);
}

#endif
