// Puts under the lock, wakes outside of it.
#include "resolver/mailbox.hpp"

namespace lictor {
namespace {
constexpr std::size_t wants_max = 4096, samples_max = 64, loops_max = 64;
}

void Mailbox::want(const Need& need) {
    {
        const std::lock_guard lock(mutex_);
        if (mail_.wants.size() >= wants_max) {
            ++mail_.wants_dropped;
            return;
        }
        mail_.wants.push_back(need);
    }
    wake_();
}

void Mailbox::sampled(const Sampled& sample) {
    {
        const std::lock_guard lock(mutex_);
        if (mail_.samples.size() >= samples_max) return;  // the comparison is no business of the data plane
        mail_.samples.push_back({sample.name, sample.type});
    }
    wake_();
}

void Mailbox::loop_found(const Endpoint& upstream) {
    {
        const std::lock_guard lock(mutex_);
        if (mail_.loops.size() >= loops_max) return;
        mail_.loops.push_back(upstream);
    }
    wake_();
}

void Mailbox::seen() {
    {
        const std::lock_guard lock(mutex_);
        mail_.seen = true;
    }
    wake_();
}

Mailbox::Mail Mailbox::take() {
    Mail empty;
    const std::lock_guard lock(mutex_);
    empty.wants_dropped = mail_.wants_dropped;
    return std::exchange(mail_, std::move(empty));
}

}  // namespace lictor
