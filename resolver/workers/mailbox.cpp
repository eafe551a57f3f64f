// Messages are added while the lock is held; the control thread is woken after it is released.
#include "resolver/workers/mailbox.hpp"

namespace lictor::workers {
namespace {
constexpr std::size_t requests_max = 4096, samples_max = 64, loops_max = 64, results_max = 4096;
}

void Mailbox::request(const catalog::Need& need) {
    {
        const auto mail = mail_.lock();
        if (mail->requests.size() >= requests_max) {
            ++mail->requests_dropped;
            return;
        }
        mail->requests.push_back(need);
    }
    wake_();
}

void Mailbox::sampled(const answer::Sampled& sample) {
    {
        const auto mail = mail_.lock();
        if (mail->samples.size() >= samples_max) return;  // samples beyond the bound are dropped
        mail->samples.push_back({sample.name, sample.type});
    }
    wake_();
}

void Mailbox::loop_found(const Endpoint& upstream) {
    {
        const auto mail = mail_.lock();
        if (mail->loops.size() >= loops_max) return;
        mail->loops.push_back(upstream);
    }
    wake_();
}

void Mailbox::done(OrderResult result) {
    {
        const auto mail = mail_.lock();
        if (mail->results.size() >= results_max) return;
        mail->results.push_back(std::move(result));
    }
    wake_();
}

void Mailbox::seen() {
    mail_.lock()->seen = true;
    wake_();
}

Mailbox::Mail Mailbox::take() {
    Mail empty;
    auto mail = mail_.lock();
    empty.requests_dropped = mail->requests_dropped;
    return std::exchange(*mail, std::move(empty));
}

}  // namespace lictor::workers
