// One comparison for each call; behind it its alternatives, each a row of comparisons of arguments. A jump is at most 255 instructions.
#include "resolver/confine/filter.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "conf/base/result.hpp"

namespace lictor::confine {
namespace {

using Program = std::vector<sock_filter>;

constexpr std::size_t program_max = BPF_MAXINSNS, call_max = 250;
[[maybe_unused]] constexpr std::uint32_t x32_bit = 0x40000000;

sock_filter returns(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
sock_filter loads(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
/// Skips so many instructions if the loaded value is equal, or if it differs.
sock_filter if_equal(std::uint32_t value, std::size_t skip_equal, std::size_t skip_other) {
    return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, static_cast<std::uint8_t>(skip_equal), static_cast<std::uint8_t>(skip_other));
}

/// Falls through if the condition holds. Otherwise it skips the rest of its alternative, `skip_other` instructions behind the condition.
Program of_condition(const Condition& condition, std::size_t skip_other) {
    // The low half of a 64-bit argument; both architectures are little-endian.
    Program program{loads(offsetof(seccomp_data, args) + condition.argument * sizeof(std::uint64_t))};
    if (condition.mask != ~0u) program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, condition.mask));
    for (auto left = condition.values.size(); left > 0; --left) {
        const bool last = left == 1;
        program.push_back(if_equal(condition.values[condition.values.size() - left], left - 1, last ? skip_other : 0));
    }
    return program;
}

/// Allows the call if all conditions hold; falls through if not.
Program of_alternative(const std::vector<Condition>& conditions) {
    Program program{returns(SECCOMP_RET_ALLOW)};
    for (auto condition = conditions.rbegin(); condition != conditions.rend(); ++condition) {
        auto before = of_condition(*condition, program.size());
        program.insert(program.begin(), before.begin(), before.end());
    }
    return program;
}

}  // namespace

std::vector<sock_filter> make_filter(const CallList& list, Refusal refusal, std::uint32_t architecture) {
    const std::uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    const std::uint32_t absent = SECCOMP_RET_ERRNO | ENOSYS;
    const std::uint32_t unknown = refusal == Refusal::kills ? kill : absent;
    const std::uint32_t arguments = refusal == Refusal::kills ? kill : SECCOMP_RET_ERRNO | EPERM;

    Program program{loads(offsetof(seccomp_data, arch)), if_equal(architecture, 1, 0), returns(unknown), loads(offsetof(seccomp_data, nr))};
#ifdef __x86_64__
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1));
    program.push_back(returns(unknown));
#endif
    for (auto call = list.allowed.begin(); call != list.allowed.end(); ++call) {
        const auto same = [&](const Call& other) { return other.number == call->number; };
        if (std::any_of(list.allowed.begin(), call, same)) continue;  // an alternative of a call before
        Program body;
        bool always = false;
        for (const auto& other : list.allowed) {
            if (!same(other)) continue;
            always = always || other.conditions.empty();
            const auto alternative = of_alternative(other.conditions);
            body.insert(body.end(), alternative.begin(), alternative.end());
        }
        if (always) body = {returns(SECCOMP_RET_ALLOW)};
        else body.push_back(returns(arguments));
        ensure(body.size() <= call_max, "the conditions of a system call are short");
        program.push_back(if_equal(call->number, 0, body.size()));
        program.insert(program.end(), body.begin(), body.end());
    }
    for (const auto& call : list.absent) {
        program.push_back(if_equal(call.number, 0, 1));
        program.push_back(returns(absent));
    }
    program.push_back(returns(unknown));
    ensure(program.size() <= program_max, "the kernel takes the filter");
    return program;
}

}  // namespace lictor::confine
