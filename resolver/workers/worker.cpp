// Passes the events of the loop to the Resolver and performs its actions. It decides nothing.
#include "resolver/workers/worker.hpp"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <new>
#include <unordered_map>
#include <utility>

#include "conf/log/log.hpp"
#include "resolver/net/links.hpp"

namespace lictor::workers {
namespace {

constexpr milliseconds heartbeat_least = milliseconds(400);  // the control thread wakes every worker twice a second
/// So often the time of a batch is measured.
constexpr milliseconds measure_every = milliseconds(10);
/// A list of actions that has grown beyond this is freed, not kept for the next batch.
constexpr std::size_t actions_kept = 256;
/// After TERM: how long unsent replies may take.
constexpr milliseconds drain_max = milliseconds(300);

}  // namespace

/// Used on the worker's thread only.
struct Worker::Inside {
    Inside(Worker& worker, loop::Loop& loop)
        : self(worker),
          random(worker.setup_.seed),
          resolver(worker.counters_, random),
          links(
              loop, random, worker.setup_.attempts_max,
              [this](answer::AttemptId attempt, wire::Bytes message) {
                  at = loop::Loop::moment();
                  guarded([&] {
                      take_view();
                      if (watched) on_upstream_reply(attempt, message);
                      resolver.on_reply(attempt, message, at, actions);
                  });
                  perform();
              },
              [this](answer::AttemptId attempt) {
                  at = loop::Loop::moment();
                  guarded([&] {
                      if (watched) open_attempts.erase(attempt);
                      resolver.on_failure(attempt, at, actions);
                  });
                  perform();
              }),
          listener(loop, std::move(worker.setup_.sockets), worker.counters_, worker.setup_.tcp,
                   {.before_batch =
                        [this] {
                            at = loop::Loop::moment();
                            take_view();
                        },
                    .handle =
                        [this](wire::Bytes message, const answer::Client& client, std::span<std::uint8_t> buffer) {
                            if (watched) guarded([&] { on_client(net::PacketDump::query, client, message); });
                            answer::Answer answer = resolver.on_query(message, client, at, buffer, actions);
                            if (watched && answer.answered())
                                guarded([&] { on_client(net::PacketDump::reply, client, buffer.first(answer.size)); });
                            return answer;
                        },
                    .gone = [this](std::uint64_t connection) { guarded([&] { resolver.on_gone(connection); }); },
                    .after_batch =
                        [this] {
                            measure_batch();
                            perform();
                        }}),
          tick(loop,
               [this] {
                   at = loop::Loop::moment();
                   guarded([this] {
                       take_view();
                       resolver.on_tick(at, actions);
                   });
                   armed.reset();
                   perform();
               }),
          end(loop, [&loop] { loop.stop(); }) {
        links.use(worker.counters_.memory);
        if (worker.setup_.others) resolver.set_others(worker.setup_.others);
        resolver.set_cookie_secret(worker.setup_.cookie_secret);
        on_beat();
    }

    /// Without memory the work of one event is given up, and what follows it is still done.
    template <class Work>
    static void guarded(Work work) noexcept {
        try {
            work();
        } catch (const std::bad_alloc&) {
            loop::note_lack_of_memory();
        }
    }

    /// Takes a newer View, if there is one; before each decision. Without memory the old one stays in use, and the next call tries again.
    void take_view() noexcept {
        guarded([this] { take_newer(); });
    }
    void take_newer() {
        const auto generation = self.board_.generation();
        if (generation == self.seen_.load(std::memory_order_relaxed)) return;
        auto view = self.board_.take();
        const auto taken = view->generation;
        const void* const rules = view->rules.get();
        resolver.on_view(std::move(view), at, actions);
        // Other rules may have other upstreams.
        if (std::exchange(reported_rules, rules) != rules) self.upstreams_.set(resolver.upstream_reports(at.now));
        perform();
        listener.flush();
        self.seen_.store(taken, std::memory_order_release);
        self.setup_.seen();
    }

    void perform() {
        // Performing an action decides nothing, so no action is added meanwhile.
        answer::Actions todo;
        todo.swap(actions);
        for (auto& action : todo) guarded([&] { std::visit([this](auto& what) { act(what); }, action); });
        todo.clear();
        if (actions.empty() && todo.capacity() <= actions_kept) actions.swap(todo);  // keeps the memory
        arm();
    }
    void act(answer::Reply& reply) {
        if (watched) on_client(net::PacketDump::reply, reply.client, reply.bytes);
        listener.send(reply.client, reply.bytes);
    }
    void act(answer::Ask& ask) {
        if (watched) on_upstream_query(ask);
        links.ask(std::move(ask));
    }
    void act(const answer::CloseAttempt& close) {
        if (watched) open_attempts.erase(close.attempt);
        links.close(close.attempt);
    }
    void act(const answer::FactRequest& request) { self.setup_.request(request.need); }
    void act(const answer::Sampled& sample) { self.setup_.sampled(sample); }
    void act(const answer::LoopFound& found) { self.setup_.loop_found(found.upstream); }
    void act(const answer::QueryLog& line) { log::info(line.line); }
    /// Each worker limits the rate of each kind of notice; this limits the rate of all workers together.
    void act(const answer::Notice& notice) {
        static loop::Guarded<answer::NoticeLimits> limits;
        if (!limits.lock()->due(notice.kind, at.now)) return;
        const answer::NoticeRow& row = answer::row_of(notice.kind);
        const std::string text = notice.text + "; " + std::string(row.remedy);
        row.severity == answer::Severity::warning ? log::warning(text) : log::info(text);
    }

    // ---- copies of messages, for dumpfile and dnstap
    static std::uint64_t unix_ns() {
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
    }
    void on_client(net::PacketDump::Kind kind, const answer::Client& client, wire::Bytes message) {
        const Endpoint here{client.local, self.setup_.port};
        const bool query = kind == net::PacketDump::query;
        if (dump) dump->put(kind, query ? client.peer : here, query ? here : client.peer, message);
        if (!tap) return;
        wire::TapEvent event{.type = query ? wire::TapEvent::Type::client_query : wire::TapEvent::Type::client_response,
                             .asker = client.peer,
                             .answerer = here,
                             .tcp = client.connection != 0,
                             .message = message};
        const std::uint64_t now_ns = unix_ns();
        // The query of an answer that came later was read when the client arrived; of any other, in this turn of the loop.
        const microseconds since = client.arrived != Now{} ? at.now - client.arrived : microseconds{0};
        event.query_time_ns = now_ns - static_cast<std::uint64_t>(since.count()) * 1000;
        if (!query) event.response_time_ns = now_ns;
        tap->put(event);
    }
    void on_upstream_query(const answer::Ask& ask) {
        OpenAttempt& open = open_attempts[ask.attempt] = {ask.upstream, ask.transport == answer::Transport::tcp, unix_ns()};
        if (dump) dump->put(net::PacketDump::up_query, ask.source.value_or(Endpoint{}), ask.upstream, ask.bytes);
        if (tap)
            tap->put({.type = wire::TapEvent::Type::forwarder_query,
                      .asker = ask.source.value_or(Endpoint{}),
                      .answerer = ask.upstream,
                      .tcp = open.tcp,
                      .query_time_ns = open.sent_ns,
                      .message = ask.bytes});
    }
    void on_upstream_reply(answer::AttemptId attempt, wire::Bytes message) {
        const OpenAttempt open = open_attempts[attempt];
        if (dump) dump->put(net::PacketDump::up_reply, open.upstream, {}, message);
        if (tap)
            tap->put({.type = wire::TapEvent::Type::forwarder_response,
                      .asker = {},
                      .answerer = open.upstream,
                      .tcp = open.tcp,
                      .query_time_ns = open.sent_ns,
                      .response_time_ns = unix_ns(),
                      .message = message});
    }

    void arm() {
        const auto deadline = resolver.deadline();
        if (deadline == armed) return;
        armed = deadline;
        if (!deadline) return tick.stop();
        tick.start(std::max<microseconds>(microseconds(0), *deadline - loop::Loop::now()));
    }

    /// Measures the time of this batch, if it is a while since the last measurement: a clock is not read for each query under load.
    void measure_batch() {
        batch_at = at.now;
        if (batch_at - measured < measure_every) return;
        measured = batch_at;
        batch_took = loop::Loop::now() - batch_at;
        resolver.end_batch(batch_at + batch_took);
    }

    /// The heartbeat; a worker that hangs does not call it. The control thread's wake-ups drive it, because a timer would have to be armed
    /// again for every wait for a query.
    void on_beat() {
        const Now now = loop::Loop::now();
        self.beat_.store(now.count(), std::memory_order_relaxed);
        self.counters_.heartbeats.add();
        resolver.end_batch(batch_at + batch_took);  // the answers since the last measurement
        resolver.tidy(now);
        self.upstreams_.set(resolver.upstream_reports(now));
    }

    void on_wake() {
        at = loop::Loop::moment();
        guarded([this] {
            if (at.now - self.last_beat() >= heartbeat_least) on_beat();
        });
        take_view();
        Orders orders = self.orders_.take();
        // Each by itself: without memory the others are still carried out. The sockets first: they cannot be ordered again.
        for (auto& rebind : orders.rebinds) guarded([&] { listener.adopt(std::move(rebind.first), rebind.second); });
        if (orders.rows_requested) guarded([&] { self.setup_.listed(resolver.cache_table(at, orders.rows_requested)); });
        for (const auto& flush : orders.flushes)
            guarded([&] {
                const std::size_t removed = resolver.flush(flush.suffix, at, actions);
                if (flush.order) self.setup_.done({flush.order, self.setup_.number, removed, {}});
            });
        for (const auto& asked : orders.explains)
            guarded([&] { self.setup_.done({asked.order, self.setup_.number, 0, resolver.explain(asked.name, asked.type, at)}); });
        if (self.stopping_.load(std::memory_order_acquire) && !ending) {
            ending = true;
            listener.stop_reading();
            guarded([this] { resolver.on_stop(at, actions); });
            perform();
            listener.flush();
            end.start(listener.busy() ? microseconds(drain_max) : microseconds(0));
            return;
        }
        perform();
    }

    Worker& self;
    Random random;
    answer::Actions actions;
    net::PacketDump* const dump = self.setup_.dump.get();
    net::Dnstap* const tap = self.setup_.tap.get();
    const bool watched = dump || tap;  ///< messages are copied
    struct OpenAttempt {
        Endpoint upstream;
        bool tcp = false;
        std::uint64_t sent_ns = 0;
    };
    std::unordered_map<answer::AttemptId, OpenAttempt> open_attempts;  ///< while messages are copied
    Moment at = loop::Loop::moment();
    core::Resolver resolver;
    net::Links links;
    net::Listener listener;
    loop::Timer tick, end;
    std::optional<Now> armed;
    const void* reported_rules = nullptr;  ///< the rules of the last View; only compared
    bool ending = false;
    Now batch_at{}, measured{};  ///< of the last batch, and of the last one whose time was measured
    microseconds batch_took{0};  ///< the time of that one
};

Worker::Worker(Setup setup, const ViewBoard& board) : setup_(std::move(setup)), board_(board) {
    if (setup_.memory) counters_.memory.open(*setup_.memory);
}

Worker::~Worker() {
    if (thread_.joinable()) {
        stop();
        join();
    }
}

void Worker::start() {
    loop_ = std::make_unique<loop::Loop>();
    wake_ = std::make_unique<loop::Wake>(*loop_, [this] {
        if (inside_) inside_->on_wake();
    });
    thread_ = std::thread([this] { run(); });
}

void Worker::run() {
    // Signals are handled by the control thread.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    // By the thread itself: for another one the C library writes a file in /proc, which Landlock and the seccomp filter refuse.
    pthread_setname_np(pthread_self(), ("worker" + std::to_string(setup_.number)).c_str());
    {
        Inside inside(*this, *loop_);
        inside_ = &inside;
        inside.on_wake();
        loop_->run();
        inside_ = nullptr;
    }
    ended_.store(true, std::memory_order_release);
    setup_.seen();
}

void Worker::wake() { wake_->send(); }

void Worker::flush(std::optional<wire::Name> suffix, std::uint64_t order) {
    orders_.lock()->flushes.push_back({suffix, order});
    wake();
}

void Worker::explain(const wire::Name& name, std::uint16_t type, std::uint64_t order) {
    orders_.lock()->explains.push_back({name, type, order});
    wake();
}

void Worker::list_cache(std::size_t rows_max) {
    orders_.lock()->rows_requested = rows_max;
    wake();
}

void Worker::rebind(std::vector<net::BoundSocket> added, std::vector<Endpoint> keep) {
    orders_.lock()->rebinds.emplace_back(std::move(added), std::move(keep));
    wake();
}

void Worker::stop() {
    stopping_.store(true, std::memory_order_release);
    wake();
}

void Worker::join() {
    thread_.join();
    wake_.reset();
    loop_.reset();
}

std::vector<forward::UpstreamReport> Worker::upstreams() const { return upstreams_.get(); }

}  // namespace lictor::workers
