// The worker's thread: events in, the Resolver's decisions out. No decision is taken here.
#include "resolver/worker.hpp"

#include <pthread.h>
#include <signal.h>

#include <unordered_map>
#include <utility>

#include "conf/log.hpp"
#include "resolver/links.hpp"

namespace lictor {
namespace {

constexpr milliseconds heartbeat_least = milliseconds(400);  // the control thread wakes every worker twice a second
/// After TERM: how long replies under way may take to leave.
constexpr milliseconds last_words = milliseconds(300);

}  // namespace

/// What lives on the worker's thread only.
struct Worker::Inside {
    Inside(Worker& worker, Loop& loop)
        : self(worker),
          random(worker.setup_.seed),
          resolver(worker.counters_, random),
          links(loop, random, worker.setup_.attempts_max,
                [this](AttemptId attempt, Bytes message) {
                    at = Loop::moment();
                    look();
                    if (dump) dump->put(PacketDump::up_reply, dumped_attempts[attempt], {}, message);
                    resolver.on_reply(attempt, message, at, actions);
                    perform();
                },
                [this](AttemptId attempt) {
                    at = Loop::moment();
                    if (dump) dumped_attempts.erase(attempt);
                    resolver.on_failure(attempt, at, actions);
                    perform();
                }),
          listener(loop, std::move(worker.setup_.sockets), worker.counters_, worker.setup_.tcp,
                   {.before_batch =
                        [this] {
                            at = Loop::moment();
                            look();
                        },
                    .handle =
                        [this](Bytes message, const Client& client, std::span<std::uint8_t> buffer) {
                            if (dump) dump->put(PacketDump::query, client.peer, {client.local, self.setup_.port}, message);
                            const Verdict verdict = resolver.on_query(message, client, at, buffer, actions);
                            if (dump && verdict.kind == Verdict::Kind::answer)
                                dump->put(PacketDump::reply, {client.local, self.setup_.port}, client.peer, buffer.first(verdict.size));
                            using Kind = Listener::Handled::Kind;
                            const auto kind = verdict.kind == Verdict::Kind::answer  ? Kind::answer
                                              : verdict.kind == Verdict::Kind::later ? Kind::later
                                                                                     : Kind::drop;
                            return Listener::Handled{kind, verdict.size};
                        },
                    .gone = [this](std::uint64_t connection) { resolver.on_gone(connection); },
                    .after_batch = [this] { perform(); }}),
          tick(loop,
               [this] {
                   at = Loop::moment();
                   look();
                   resolver.on_tick(at, actions);
                   armed.reset();
                   perform();
               }),
          end(loop, [&loop] { loop.stop(); }) {
        if (worker.setup_.others) resolver.tally_with(worker.setup_.others);
        on_beat();
    }

    /// Takes over a newer View, if there is one, before anything is decided.
    void look() {
        const auto generation = self.board_.generation();
        if (generation == self.seen_.load(std::memory_order_relaxed)) return;
        auto view = self.board_.take();
        const auto taken = view->generation;
        resolver.on_view(std::move(view), at, actions);
        perform();
        listener.flush();
        self.seen_.store(taken, std::memory_order_release);
        self.setup_.seen();
    }

    void perform() {
        // Performing may not decide anything, so the list cannot grow underneath.
        Actions todo;
        todo.swap(actions);
        for (auto& action : todo) std::visit([this](auto& what) { act(what); }, action);
        todo.clear();
        if (actions.empty()) actions.swap(todo);  // keeps the memory
        arm();
    }
    void act(Reply& reply) {
        if (dump) dump->put(PacketDump::reply, {reply.client.local, self.setup_.port}, reply.client.peer, reply.bytes);
        listener.send(reply.client, reply.bytes);
    }
    void act(Ask& ask) {
        if (dump) {
            dumped_attempts[ask.attempt] = ask.upstream;
            dump->put(PacketDump::up_query, ask.source.value_or(Endpoint{}), ask.upstream, ask.bytes);
        }
        links.ask(std::move(ask));
    }
    void act(const CloseAttempt& close) {
        if (dump) dumped_attempts.erase(close.attempt);
        links.close(close.attempt);
    }
    void act(const Want& want) { self.setup_.want(want.need); }
    void act(const Sampled& sample) { self.setup_.sampled(sample); }
    void act(const LoopFound& found) { self.setup_.loop_found(found.upstream); }
    void act(const QueryLog& line) { log::info(line.line); }
    void act(const Notice& notice) {
        static log::Sometimes overload{5}, waiting{5}, refused{60}, rebind{5};
        auto& sometimes = notice.kind == Notice::Kind::overload           ? overload
                          : notice.kind == Notice::Kind::waiting_overflow ? waiting
                          : notice.kind == Notice::Kind::rebind           ? rebind
                                                                          : refused;
        if (sometimes.now(std::chrono::duration_cast<seconds>(at.now).count())) log::warning(notice.text);
    }

    void arm() {
        const auto deadline = resolver.deadline();
        if (deadline == armed) return;
        armed = deadline;
        if (!deadline) return tick.stop();
        tick.start(std::max<microseconds>(microseconds(0), *deadline - Loop::now()));
    }

    /// Shown from outside: a worker that hangs does not come here. No timer of its own: with one every wait for a question would arm it anew.
    void on_beat() {
        const Now now = Loop::now();
        self.beat_.store(now.count(), std::memory_order_relaxed);
        self.counters_.heartbeat.add();
        auto reports = resolver.upstream_reports(now);
        const std::lock_guard lock(self.mutex_);
        self.upstreams_ = std::move(reports);
    }

    void on_wake() {
        at = Loop::moment();
        if (at.now - self.last_beat() >= heartbeat_least) on_beat();
        look();
        std::vector<std::optional<Name>> flushes;
        decltype(self.rebinds_) rebinds;
        std::size_t rows = 0;
        {
            const std::lock_guard lock(self.mutex_);
            flushes.swap(self.flushes_);
            rebinds.swap(self.rebinds_);
            rows = std::exchange(self.rows_wanted_, 0);
        }
        if (rows) self.setup_.listed(resolver.cache_table(at, rows));
        for (const auto& suffix : flushes) resolver.flush(suffix, at, actions);
        for (auto& [added, keep] : rebinds) listener.adopt(std::move(added), keep);
        if (self.stopping_.load(std::memory_order_acquire) && !ending) {
            ending = true;
            listener.stop_reading();
            resolver.on_stop(at, actions);
            perform();
            listener.flush();
            end.start(listener.busy() ? microseconds(last_words) : microseconds(0));
            return;
        }
        perform();
    }

    Worker& self;
    Random random;
    Actions actions;
    PacketDump* const dump = self.setup_.dump.get();
    std::unordered_map<AttemptId, Endpoint> dumped_attempts;   ///< open ones, while packets are dumped
    Moment at = Loop::moment();
    Resolver resolver;
    Links links;
    Listener listener;
    Timer tick, end;
    std::optional<Now> armed;
    bool ending = false;
};

Worker::Worker(Setup setup, const ViewBoard& board) : setup_(std::move(setup)), board_(board) {}

Worker::~Worker() {
    if (thread_.joinable()) {
        stop();
        join();
    }
}

void Worker::start() {
    loop_ = std::make_unique<Loop>();
    wake_ = std::make_unique<Wake>(*loop_, [this] {
        if (inside_) inside_->on_wake();
    });
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), ("worker" + std::to_string(setup_.number)).c_str());
}

void Worker::run() {
    // Signals belong to the control thread.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
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

void Worker::flush(std::optional<Name> suffix) {
    {
        const std::lock_guard lock(mutex_);
        flushes_.push_back(suffix);
    }
    wake();
}

void Worker::list_cache(std::size_t rows_max) {
    {
        const std::lock_guard lock(mutex_);
        rows_wanted_ = rows_max;
    }
    wake();
}

void Worker::rebind(std::vector<BoundSocket> added, std::vector<Endpoint> keep) {
    {
        const std::lock_guard lock(mutex_);
        rebinds_.emplace_back(std::move(added), std::move(keep));
    }
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

std::vector<UpstreamReport> Worker::upstreams() const {
    const std::lock_guard lock(mutex_);
    return upstreams_;
}

}  // namespace lictor
