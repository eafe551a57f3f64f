// Implements the thread and its two lists: work that waits, and work that is done.
#include "watch/loop/background_thread.hpp"

#include <chrono>
#include <exception>
#include <new>
#include <utility>

namespace lictor::loop {

Background::Background(Loop& loop) : wake_(loop, [this] { finish_done(); }) {}

Background::~Background() {
    {
        const auto shared = shared_.lock();
        shared->ending = true;
        shared->waiting.clear();
    }
    if (thread_.joinable()) thread_.join();
}

Background::Ticket Background::run(std::function<void()> work, std::function<void()> after) {
    const auto shared = shared_.lock();
    const Ticket ticket = shared->next++;
    shared->waiting.push_back({ticket, std::move(work), std::move(after)});
    if (!shared->running) {
        if (thread_.joinable()) thread_.join();  // no deadlock: after `running = false` that thread does not take the lock
        try {
            thread_ = std::thread([this] { run_all(); });
        } catch (const std::exception&) {  // no memory, or no thread
            shared->waiting.pop_back();
            throw std::bad_alloc();
        }
        shared->running = true;
    }
    return ticket;
}

void Background::cancel(Ticket ticket) {
    const auto shared = shared_.lock();
    shared->waiting.remove_if([ticket](const Piece& piece) { return piece.ticket == ticket; });
    for (auto& piece : shared->done)
        if (piece.ticket == ticket) piece.cancelled = true;
    if (shared->at_work == ticket) shared->cancel_at_work = true;
}

bool Background::idle_within(milliseconds limit) {
    const auto idle = [this] { return !shared_.lock()->running; };
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!idle()) {
        if (std::chrono::steady_clock::now() >= until) return false;
        std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
}

void Background::run_all() {
    for (;;) {
        std::list<Piece> one;
        {
            const auto shared = shared_.lock();
            if (shared->waiting.empty() || shared->ending) {
                shared->running = false;
                return;
            }
            one.splice(one.begin(), shared->waiting, shared->waiting.begin());
            shared->at_work = one.front().ticket;
            shared->cancel_at_work = false;
        }
        one.front().work();
        const auto shared = shared_.lock();
        shared->at_work = 0;
        one.front().cancelled = shared->cancel_at_work;
        shared->done.splice(shared->done.end(), one);
        if (!shared->ending) wake_.send();
    }
}

void Background::finish_done() {
    for (;;) {
        std::list<Piece> one;
        {
            const auto shared = shared_.lock();
            if (shared->done.empty()) return;
            one.splice(one.begin(), shared->done, shared->done.begin());
        }
        if (!one.front().cancelled) one.front().after();
    }
}

}  // namespace lictor::loop
