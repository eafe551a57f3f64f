// At the start sockets are bound, the process becomes an ordinary user, workers are started and Consul is watched. Then the control loop
// runs until a signal ends it. resolver/lifecycle decides what follows from a reload, from new Rules and from the state of the parts.
#include "resolver/control/app.hpp"

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <new>

#include "conf/base/rate_limit.hpp"
#include "conf/budget/limit.hpp"
#include "conf/budget/pressure.hpp"
#include "conf/disk/disk_files.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/control/cache_dump.hpp"
#include "resolver/control/interfaces.hpp"
#include "resolver/control/leader_events.hpp"
#include "resolver/control/orders.hpp"
#include "resolver/control/publisher.hpp"
#include "resolver/control/rules_source.hpp"
#include "resolver/control/shadow_asker.hpp"
#include "resolver/control/snapshot_keeper.hpp"
#include "resolver/control/startup.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/explain.hpp"
#include "resolver/hooks/connection_cutter.hpp"
#include "resolver/lifecycle/listen_plan.hpp"
#include "resolver/lifecycle/readiness.hpp"
#include "resolver/net/inherited_sockets.hpp"
#include "resolver/process/confinement.hpp"
#include "resolver/process/daemonize.hpp"
#include "resolver/process/privileges.hpp"
#include "resolver/process/this_process.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/workers/mailbox.hpp"
#include "resolver/workers/worker_pool.hpp"
#include "watch/catalog/give_way.hpp"
#include "watch/watcher/watcher.hpp"

namespace lictor::control {
namespace {

constexpr milliseconds heartbeat_every = milliseconds(500);
constexpr milliseconds stop_wait_max = milliseconds(900);

/// All parts of a running lictor. Members are destroyed in reverse order.
class App {
public:
    /// What was there before the start: sockets, and the processes that were forked first (null if they are not configured).
    struct Helpers {
        std::vector<net::BoundSocket> sockets;  ///< from systemd
        std::unique_ptr<hooks::HookProcess> hooks;
        std::unique_ptr<hooks::CutProcess> cuts;
    };
    App(conf::Parsed parsed, const Invocation& invocation, Helpers helpers, process::BackgroundStart background);
    int run();  ///< gives the exit code

private:
    void start_parts();
    void start_workers();
    void start_shadow();
    void start_snapshots();
    void on_mail();
    void on_interfaces();
    void reload();        ///< systemd learns of its begin and its end
    void apply_reload();  ///< there are workers
    documents::Reloaded reload_on_request();
    void explain(const wire::Name& name, std::uint16_t type, documents::Explained done);
    void log_statistics();
    void stop(const char* signal_name);
    int end();
    void watch_memory();
    budget::Report memory_report() const;
    documents::Status status() const;

    Configuration configuration_;
    const conf::Options& options_ = configuration_.options();
    Helpers helpers_;
    const Moment started_ = loop::Loop::moment();

    loop::Loop loop_;
    Random random_{process::kernel_seed()};
    std::shared_ptr<budget::Budget> memory_;  ///< before all accounts
    metrics::ControlCounters counters_;
    budget::Pressure pressure_;
    RateLimit lack_logs_{60};
    workers::ViewBoard board_;
    loop::Wake wake_{loop_, [this] { on_mail(); }};
    workers::Mailbox mailbox_{[this] { wake_.send(); }};
    Startup startup_;
    workers::WorkerPool pool_;
    std::unique_ptr<LeaderEvents> events_;
    std::unique_ptr<hooks::ConnectionCutter> cutter_;
    std::unique_ptr<Publisher> publisher_;
    std::unique_ptr<RulesSource> rules_;
    std::unique_ptr<InterfaceWatch> interfaces_;
    bool reload_at_start_ = false;  ///< HUP came before there were workers
    std::unique_ptr<ShadowAsker> shadow_;
    CacheDump cache_dump_{loop_};
    Orders orders_{loop_, pool_};
    std::unique_ptr<watcher::Watcher> watcher_;
    std::unique_ptr<SnapshotKeeper> keeper_;
    std::vector<loop::Signal> signals_;
    documents::History history_;
    loop::Timer heartbeat_{loop_, [this] {
                               pool_.wake();
                               if (watchdog_.due(loop::Loop::now()) && pool_.healthy(loop::Loop::now()))
                                   process::notify_systemd("WATCHDOG=1");
                               counters_.log_dropped.set(log::dropped());
                               if (startup_.tap) {
                                   counters_.dnstap_sent.set(startup_.tap->sent());
                                   counters_.dnstap_dropped.set(startup_.tap->dropped());
                                   counters_.dnstap_connected.set(startup_.tap->connected());
                               }
                               watch_memory();
                               if (const Now now = loop::Loop::now(); history_.due(now)) {
                                   history_.add(pool_.history_sample(), now);
                                   rules_->probe_failing(pool_.upstream_reports());
                               }
                               if (options_.consul_http_addr.empty()) return;
                               if (!watcher_->first_sync_done()) {
                                   rules_->probe_agent_dns(publisher_->current()->catalog->settings->domains.front());
                               } else if (std::exchange(first_reads_in_memory_, false)) {
                                   process::release_start_memory();
                               }
                           }};
    loop::Timer stop_timer_{loop_, [this] { loop_.stop(); }};
    process::Watchdog watchdog_;
    bool first_reads_in_memory_ = true;  ///< what the first reads from Consul needed was not given back yet
    bool stopping_ = false;
    std::string stopped_by_;
    process::BackgroundStart background_;
};

App::App(conf::Parsed parsed, const Invocation& invocation, Helpers helpers, process::BackgroundStart background)
    : configuration_(std::move(parsed), invocation), helpers_(std::move(helpers)), background_(std::move(background)) {
    disk::DiskFiles files;
    const auto limit = budget::cgroup_limit([&](const std::string& path) -> std::optional<std::string> {
        const auto file = files.read(path);
        return file ? std::optional(file->text) : std::nullopt;
    });
    const std::uint64_t caches = std::uint64_t{rules::cache_bytes_of(options_)} * options_.threads;
    memory_ = std::make_shared<budget::Budget>(options_.memory_max.value_or(budget::default_max(limit, caches)));
    counters_.memory.open(*memory_);
}

int App::run() {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);  // at a limit of file sizes (setrlimit(2)) write(2) fails, and a full log does not end the DNS service
    // Signals are caught from here on. One that arrives before the loop runs is handled when the loop runs.
    signals_.emplace_back(loop_, SIGHUP, [this] { reload(); });
    signals_.emplace_back(loop_, SIGTERM, [this] { stop("SIGTERM"); });
    signals_.emplace_back(loop_, SIGINT, [this] { stop("SIGINT"); });
    signals_.emplace_back(loop_, SIGUSR1, [this] { log_statistics(); });
    signals_.emplace_back(loop_, SIGUSR2, [] { log::reopen(); });
    startup_.endpoints.inherit(std::move(helpers_.sockets));
    if (const int code = start_up(configuration_.parsed(), counters_, startup_); code != 0) return code;
    start_parts();
    process::release_start_memory();
    process::notify_systemd("READY=1");
    background_.serving(options_.log_facility == "-" ? process::Stderr::keep : process::Stderr::close);
    if (!stopping_) loop_.run();
    return end();
}

void App::start_parts() {
    events_ = std::make_unique<LeaderEvents>(loop_, std::move(helpers_.hooks), startup_.stats.get(), counters_, started_.unix_seconds);
    publisher_ = std::make_unique<Publisher>(
        loop_, board_, counters_,
        Publisher::Hooks{.offered =
                             [this](const catalog::Catalog& catalog) {
                                 if (cutter_) cutter_->on_catalog(catalog);
                             },
                         .wake = [this] { pool_.wake(); },
                         .seen = [this] { return pool_.generations_seen(); },
                         .leader_changed = [this](const failover::LeaderChange& change) { events_->on_leader_change(change); },
                         .failover_done = [this](const failover::FailoverRecord& record) { events_->on_failover_done(record); }});
    if (helpers_.cuts)
        cutter_ = std::make_unique<hooks::ConnectionCutter>(
            loop_, std::move(helpers_.cuts), counters_,
            hooks::ConnectionCutter::Hooks{
                .ended = [this](const std::string& service,
                                std::uint64_t connections) { publisher_->on_connections_cut(service, connections); },
                .finished = [this](const cut::LeaderCuts::Finished& cut) { events_->on_cuts_finished(cut); }});
    rules_ = std::make_unique<RulesSource>(
        loop_, random_, options_, startup_.endpoints,
        RulesSource::Hooks{.publish = [this](std::shared_ptr<const rules::Rules> rules) { publisher_->offer(std::move(rules)); },
                           .clear_cache = [this] { pool_.flush(); }});
    watcher_ = std::make_unique<watcher::Watcher>(
        loop_, options_, counters_, random_,
        watcher::Watcher::Hooks{
            .publish = [this](std::shared_ptr<const catalog::Catalog> catalog) { publisher_->offer(std::move(catalog)); },
            .resolve =
                [this](const std::string& host) {
                    rules_->hosts().resolve(host, [this, host](const catalog::HostAnswer& found) { watcher_->on_host(host, found); });
                },
            .resolve_consul =
                [this](const std::string& host, std::function<void(std::vector<Address>)> done) {
                    rules_->hosts().resolve(host, [done](const catalog::HostAnswer& found) { done(all_addresses(found)); });
                },
            .files = startup_.files});
    if (!options_.snapshot_file.empty()) start_snapshots();
    rules_->adopt();
    start_shadow();
    interfaces_ = std::make_unique<InterfaceWatch>(loop_, [this] { on_interfaces(); });
    watcher_->start();
    rules_->await_named_upstreams();
    if (!stopping_) start_workers();
    if (startup_.stats) {
        const auto started = startup_.stats->start(
            loop_, {.status = [this] { return status(); },
                    .flush = [this](std::optional<wire::Name> name, documents::Flushed done) { orders_.flush(name, std::move(done)); },
                    .explain = [this](const wire::Name& name, std::uint16_t type,
                                      documents::Explained done) { explain(name, type, std::move(done)); },
                    .reload = [this] { return reload_on_request(); },
                    .events = &events_->ring()});
        if (!started) log::warning("no stats endpoint: " + started.error().text);
    }
    heartbeat_.repeat(heartbeat_every);
    rules_->probe_upstreams();
}

void App::start_workers() {
    pool_.start({.sockets = startup_.endpoints.take_sockets(),
                 .dump = startup_.dump,
                 .tap = startup_.tap,
                 .memory = memory_,
                 .descriptors = process::raise_file_limit(),
                 .listed = [this](std::vector<forward::TableRow> rows) { cache_dump_.take(std::move(rows)); }},
                options_, board_, mailbox_);
    on_interfaces();
    if (std::exchange(reload_at_start_, false)) reload();
}

void App::start_shadow() {
    shadow_.reset();
    if (options_.shadow.empty() || startup_.endpoints.listening().empty()) return;
    auto rule = conf::read_shadow(options_.shadow);
    if (rule) shadow_ = std::make_unique<ShadowAsker>(loop_, random_, std::move(*rule), startup_.endpoints.listening().front());
}

/// Takes over the snapshot of an earlier run; keeps one for the next.
void App::start_snapshots() {
    if (auto snapshot = load_snapshot_or_warn(options_.snapshot_file, counters_, started_.unix_seconds)) {
        publisher_->use_marks(snapshot->marks, snapshot->soa_serials);
        watcher_->use_snapshot(std::move(snapshot));
    }
    keeper_ = std::make_unique<SnapshotKeeper>(loop_, options_.snapshot_file, counters_, [this] {
        auto snapshot = watcher_->snapshot();
        if (!snapshot) return snapshot;
        const auto& view = *publisher_->current();
        snapshot->marks = view::marks_of(*view.runtime);
        if (view.soa_zones) snapshot->soa_serials = view::marks_of(*view.soa_zones);
        return snapshot;
    });
}

int App::end() {
    const bool written = !keeper_ || keeper_->finish();
    watcher_->stop();
    startup_.stats.reset();  // a last request would read parts that are destroyed before it
    const bool all_ended = pool_.join();
    if (!startup_.pid_file.empty()) unlink(startup_.pid_file.c_str());
    if (startup_.dump && startup_.dump->dropped())
        log::warning("dumpfile: " + std::to_string(startup_.dump->dropped()) + " packets dropped, the disk was too slow");
    log::info("exiting on receipt of " + stopped_by_);
    log::close();
    if (!all_ended || !written) _exit(0);  // a thread hangs: stopping is bounded in time, so its memory is not freed
    return 0;
}

void App::on_mail() {
    auto mail = mailbox_.take();
    counters_.wants_dropped.set(mail.requests_dropped);
    if (stopping_ && pool_.all_ended()) loop_.stop();
    if (stopping_) return;
    if (mail.seen) publisher_->on_seen();
    for (const auto& need : mail.requests) watcher_->request(need);
    if (shadow_)
        for (const auto& sample : mail.samples) shadow_->offer(sample);
    rules_->on_loops(mail.loops);
    orders_.take(std::move(mail.results));
}

/// Interface addresses changed: reads the data derived from them again and, if the configuration asks for it, changes the listen sockets.
void App::on_interfaces() {
    if (stopping_ || pool_.size() == 0) return;  // start_workers calls this again
    if (lifecycle::follows_interfaces(options_)) startup_.endpoints.follow(options_, pool_);
    rules_->on_interfaces();
}

void App::reload() {
    if (pool_.size() == 0) {  // names of upstreams are still being looked up
        reload_at_start_ = true;
        return;
    }
    process::notify_systemd("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(process::monotonic_microseconds()));
    try {
        apply_reload();
    } catch (const std::bad_alloc&) {
        loop::note_lack_of_memory();
        counters_.reload_failures.add();
        log::error("the configuration was not wholly read again: memory ran out; send HUP again");
        configuration_.reload_ran_out_of_memory();
    }
    process::notify_systemd(configuration_.reload_errors().empty() ? "READY=1\nSTATUS="
                                                                   : "READY=1\nSTATUS=the last reload was refused: see the log");
}

void App::apply_reload() {
    // New endpoints are bound before anything else changes: if that fails, nothing has changed.
    ListenEndpoints::Change change;
    const auto effects = configuration_.reload(counters_, [&](const conf::Options& fresh) {
        auto prepared = startup_.endpoints.prepare(fresh, pool_);
        if (!prepared) return prepared.error().text;
        change = std::move(*prepared);
        return std::string();
    });
    if (!effects) return;
    startup_.endpoints.adopt(std::move(change), pool_);
    startup_.endpoints.warn_of_missing(options_);
    log::reopen();
    rules_->adopt();
    if (effects->restart_shadow) start_shadow();
    watcher_->adopt(options_);
    // As dnsmasq: HUP empties the cache of forwarded answers. What was read from Consul stays.
    pool_.flush();
    counters_.reloads.add();
    log::info("cleared cache");
    log::info("configuration read again");
}

documents::Reloaded App::reload_on_request() {
    reload();
    documents::Reloaded result;
    result.errors = configuration_.reload_errors();
    if (result.errors.empty())
        for (const auto& warning : configuration_.parsed().warnings) result.warnings.push_back(warning.line());
    return result;
}

void App::explain(const wire::Name& name, std::uint16_t type, documents::Explained done) {
    orders_.explain(name, type, [this, done = std::move(done)](std::vector<documents::WorkerExplanation> all) {
        if (all.empty()) return done(std::nullopt);
        const documents::Sources sources{options_, configuration_.parsed().places, rules_->files()};
        done(documents::explain_json(all, pool_.size(), status(), sources));
    });
}

budget::Report App::memory_report() const {
    budget::Report report;
    report.max = memory_->max();
    report.add(counters_.memory);
    pool_.add_memory(report);
    return report;
}

/// Twice a second.
void App::watch_memory() {
    const auto report = memory_report();
    if (const auto line = pressure_.line(report, loop::Loop::now())) line->begins ? log::warning(line->text) : log::info(line->text);
    if (const auto lacks = loop::lacks_of_memory(); lacks != counters_.allocation_failures.get()) {
        if (counters_.allocation_failures.get() == 0 || lack_logs_.pass(loop::Loop::now() / seconds(1)))
            log::error("memory ran out: the work of " + std::to_string(lacks) +
                       " events was given up since the start; allow this process more memory, or set a smaller memory-max");
        counters_.allocation_failures.set(lacks);
    }
    if (pressure_.gives_back(report.used_in_all())) process::release_freed_memory();
}

void App::log_statistics() {
    for (const auto& line : documents::statistics_lines(status())) log::info(line);
    // As dnsmasq: the cache is listed only where queries are logged.
    if (options_.log_queries == conf::QueryLogging::off && !options_.no_daemon) return;
    cache_dump_.begin(*publisher_->current()->rules->local);
    pool_.list_cache(CacheDump::rows_max);
}

void App::stop(const char* signal_name) {
    if (std::exchange(stopping_, true)) return;
    stopped_by_ = signal_name;
    process::notify_systemd("STOPPING=1");
    pool_.stop();
    stop_timer_.start(stop_wait_max);
    if (pool_.all_ended()) loop_.stop();
}

documents::Status App::status() const {
    documents::Status status;
    status.version = LICTOR_VERSION;
    status.now = loop::Loop::now();
    status.started_unix = started_.unix_seconds;
    status.uptime_seconds = std::chrono::duration<double>(status.now - started_.now).count();
    status.listening = startup_.endpoints.listening();
    configuration_.report(status);
    status.control = &counters_;
    pool_.report(status);
    rules_->add_reports(status.upstreams);
    publisher_->report(status);
    status.watches = watcher_->reports();
    view::report_usage(*publisher_->current()->runtime, status.now, status.watches);
    status.consul_last_contact_unix = watcher_->last_contact();
    status.consul_address = options_.consul_http_addr.empty() ? "" : watcher_->consul_address();
    const auto& catalog = *publisher_->current()->catalog;
    const lifecycle::ReadinessFacts facts{.workers_alive = status.healthy,
                                          .consul_on = status.consul_on,
                                          .consul_gives_way = catalog::gives_way(catalog),
                                          .consul_read = watcher_->first_sync_done(),
                                          .consul_failure = watcher_->consul_failure(),
                                          .agent_dns_answers = rules_->agent_dns_answers(),
                                          .has_leader_lines = !options_.leader.empty(),
                                          .has_upstream = rules_->has_upstream(),
                                          .has_loop = !publisher_->current()->rules->looping.empty(),
                                          .upstream_answered = rules_->upstream_answered(status.upstreams)};
    status.not_ready_because = lifecycle::not_ready_because(facts);
    status.ready = status.not_ready_because.empty();
    const auto& rules = *publisher_->current()->rules;
    for (auto& warning : lifecycle::standing_warnings(facts, catalog, rules, options_.leader_hold, status.now))
        status.warnings.push_back(std::move(warning.text));
    lifecycle::FaultFacts more{.contact_age_seconds = std::nullopt,
                               .upstreams = status.upstreams,
                               .failovers = status.failovers,
                               .reload_refused = !status.reload_errors.empty(),
                               .memory_used_up = pressure_.sheds()};
    if (status.consul_last_contact_unix > 0)
        more.contact_age_seconds =
            static_cast<double>(status.started_unix) + status.uptime_seconds - static_cast<double>(status.consul_last_contact_unix);
    for (const auto& watch : status.watches) more.stale_watches += watch.stale ? 1 : 0;
    status.faults = lifecycle::standing_faults(facts, more, catalog, rules, options_.leader_hold, status.now);
    for (auto& line : log::latest_warnings())
        status.last_warnings.push_back({line.unix_seconds, line.level == log::Level::error, std::move(line.line)});
    status.history = &history_;
    status.host = process::host_name();
    if (shadow_) status.shadow = shadow_->report();
    status.memory = memory_report();
    const auto memory = process::memory();
    status.process = {.cpu_seconds = process::cpu_seconds(),
                      .resident_bytes = memory.resident_bytes,
                      .virtual_bytes = memory.virtual_bytes,
                      .open_descriptors = process::count_descriptors(),
                      .threads = process::count_threads(),
                      .descriptors_max = process::file_limit()};
    return status;
}

}  // namespace

/// Open files of a lictor that serves, besides standard input, output and error, with one upstream and one connection to Consul. libuv
/// aborts the process where it cannot open one.
std::size_t files_needed(const conf::Options& options) {
    constexpr std::size_t of_control_thread = 13, of_worker = 5;
    const auto endpoints = lifecycle::endpoints_to_serve(options, read_interfaces()).size();
    return of_control_thread + options.threads * (of_worker + 2 * endpoints);
}

int serve(conf::Parsed parsed, const Invocation& invocation) {
    // Few arenas and early trimming keep the resident memory small; the hot path does not allocate.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    process::wipe_secrets_of_environment();  // before the processes below have copies
    choose_log_facility(parsed.options);
    auto inherited = net::take_inherited_sockets();
    if (!inherited) {
        log::error(inherited.error().text);
        return 2;
    }
    auto background = process::goes_to_background(parsed.options) ? process::BackgroundStart::go() : process::BackgroundStart();
    // Before there is a socket of lictor's own, a loop or a thread: these processes inherit none of them, and close those of systemd.
    auto hooks = hooks::HookProcess::start(parsed.options);
    auto cuts = hooks::CutProcess::start(parsed.options);
    if (!hooks || !cuts) {
        log::error(!hooks ? hooks.error().text : cuts.error().text);
        return 1;
    }
    process::raise_file_limit();
    if (auto problem = process::lack_of_files(files_needed(parsed.options)); !problem.empty()) {
        log::error(problem);
        return 5;
    }
    App app(std::move(parsed), invocation, {*std::move(inherited), *std::move(hooks), *std::move(cuts)}, std::move(background));
    const int code = app.run();
    if (code != 0) log::error("FAILED to start up");
    return code;
}

}  // namespace lictor::control
