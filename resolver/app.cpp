// Start: bind, become an ordinary user, start workers, watch Consul. Then the control loop runs until a signal ends it.
#include "resolver/app.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "conf/log.hpp"
#include "conf/option_rows.hpp"
#include "resolver/background.hpp"
#include "resolver/cache_dump.hpp"
#include "resolver/crew.hpp"
#include "resolver/disk.hpp"
#include "resolver/host_resolver.hpp"
#include "resolver/hook_runner.hpp"
#include "resolver/interfaces.hpp"
#include "resolver/listening.hpp"
#include "resolver/mailbox.hpp"
#include "resolver/named_upstreams.hpp"
#include "resolver/own_process.hpp"
#include "resolver/privileges.hpp"
#include "resolver/publisher.hpp"
#include "resolver/readiness.hpp"
#include "resolver/shadow_asker.hpp"
#include "resolver/snapshot_keeper.hpp"
#include "resolver/sockets.hpp"
#include "resolver/stats_json.hpp"
#include "resolver/stats_server.hpp"
#include "watch/watcher.hpp"

namespace lictor {
namespace {

constexpr milliseconds probe_every = milliseconds(2000);
constexpr milliseconds loop_probe_after = milliseconds(200);  // when the workers stand at the rules that know the names
constexpr milliseconds heartbeat_every = milliseconds(500);
constexpr milliseconds stop_patience = milliseconds(900);
constexpr milliseconds named_patience = milliseconds(1500);   // for names of upstreams, before anything is served

/// The log file is opened again (USR2) by the user that lictor becomes, so it is theirs; a device or a link stays whose it is.
void give_file(const std::string& path, unsigned owner) {
    const int fd = open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    struct stat file{};
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && fchown(fd, owner, static_cast<gid_t>(-1)) != 0)
        log::warning("the log file " + log::printable(path) + " cannot be given to the user that lictor becomes: " + std::strerror(errno));
    close(fd);
}

/// In the background there is no stdout to log to, with no-daemon stderr is where people look.
void settle_log(Options& options) {
    if (!options.log_facility.empty()) return;
    if (goes_to_background(options)) options.log_facility = "daemon";
    else if (options.no_daemon) options.log_facility = "-";
}

/// Everything that lives while lictor serves; the order of members is the order of life.
class App {
public:
    App(Parsed parsed, const Invocation& invocation, std::unique_ptr<HookProcess> hooks, BackgroundStart background);
    int run();

private:
    /// 0, or the exit code.
    int take_hold();
    std::string open_stats();
    void say_started(const std::optional<Identity>& identity) const;
    void start_parts();
    void remember();
    void await_named_upstreams();
    void on_mail();
    void on_news(const LeaderNews& news);
    void tell(std::string_view type, const std::string& data);
    void offer_rules();
    void on_interfaces();
    void start_shadow();
    void reload();
    void stop(const char* why);
    void finish_stop();
    int end();
    void probe_upstreams();
    Status status() const;

    Parsed parsed_;
    const Invocation& invocation_;
    Options options_;
    std::unique_ptr<HookProcess> hook_process_;
    std::int64_t started_unix_ = 0, loaded_unix_ = 0;
    Now started_{};
    std::vector<std::string> reload_errors_;
    unsigned owner_ = 0;
    std::size_t descriptors_ = 1024;

    Loop loop_;
    Random random_{kernel_seed()};
    ControlCounters counters_;
    ViewBoard board_;
    Wake wake_{loop_, [this] { on_mail(); }};
    Mailbox mailbox_{[this] { wake_.send(); }};
    Sockets sockets_;
    Crew crew_;
    std::unique_ptr<EventRing> events_;
    std::unique_ptr<StatsServer> stats_;
    std::unique_ptr<HookRunner> hooks_runner_;
    std::unique_ptr<Publisher> publisher_;
    std::unique_ptr<FollowedDisk> disk_;
    std::unique_ptr<InterfaceWatch> interfaces_;
    std::vector<Upstream> upstreams_before_;
    bool reload_at_start_ = false;          ///< a HUP came before there were workers
    std::string pid_file_;                  ///< the one that was written; a reload may name another
    std::vector<std::string> notes_said_;   ///< with the rules that are in force
    std::unique_ptr<Timer> loop_probe_;
    std::unique_ptr<ShadowAsker> shadow_;
    std::shared_ptr<PacketDump> dump_;
    std::unique_ptr<CacheDump> cache_dump_;
    std::unique_ptr<HostResolver> hosts_;
    std::unique_ptr<NamedUpstreams> named_;
    std::unique_ptr<Watcher> watcher_;
    std::unique_ptr<SnapshotKeeper> keeper_;
    std::vector<Signal> signals_;
    std::unique_ptr<Timer> probe_, heartbeat_, stop_timer_;
    bool upstream_answered_ = false;
    bool stopping_ = false;
    std::string stopped_by_;
    BackgroundStart background_;
};

App::App(Parsed parsed, const Invocation& invocation, std::unique_ptr<HookProcess> hooks, BackgroundStart background)
    : parsed_(std::move(parsed)), invocation_(invocation), options_(parsed_.options), hook_process_(std::move(hooks)), background_(std::move(background)) {
    const Moment at = Loop::moment();
    started_ = at.now;
    started_unix_ = loaded_unix_ = at.unix_seconds;
    events_ = std::make_unique<EventRing>(started_unix_);
}

int App::run() {
    descriptors_ = raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    // From the first moment on; what comes before the loop runs is served when it does.
    signals_.emplace_back(loop_, SIGHUP, [this] { reload(); });
    signals_.emplace_back(loop_, SIGTERM, [this] { stop("SIGTERM"); });
    signals_.emplace_back(loop_, SIGINT, [this] { stop("SIGINT"); });
    cache_dump_ = std::make_unique<CacheDump>(loop_);
    signals_.emplace_back(loop_, SIGUSR1, [this] {
        for (const auto& line : statistics_lines(status())) log::info(line);
        // As dnsmasq: what is known is for those who log questions as well.
        if (options_.log_queries == QueryLogging::off && !options_.no_daemon) return;
        cache_dump_->begin(*publisher_->current()->rules->local);
        crew_.list_cache(CacheDump::rows_max);
    });
    signals_.emplace_back(loop_, SIGUSR2, [] { log::reopen(); });
    if (const int code = take_hold(); code != 0) return code;
    start_parts();
    malloc_trim(0);
    tell_systemd("READY=1");
    background_.serving(options_.log_facility == "-");
    if (!stopping_) loop_.run();
    return end();
}

/// All that needs the rights we were started with; then they are given up.
int App::take_hold() {
    const auto identity = find_identity(options_.no_daemon ? "" : options_.user, options_.no_daemon ? "" : options_.group);
    if (!identity) {
        log::error(identity.error().text);
        return 1;
    }
    owner_ = *identity ? (*identity)->user : geteuid();
    if (const auto bound = sockets_.bind(options_, owner_); !bound) {
        log::error(bound.error().text);
        return 2;
    }
    const std::string stats_problem = open_stats();
    if (!options_.dumpfile.empty()) {
        auto dump = PacketDump::open(options_.dumpfile, options_.dumpmask);
        if (!dump) {
            log::error(dump.error().text);
            return 3;
        }
        dump_ = std::move(*dump);
    }
    if (!options_.pid_file.empty()) {
        if (const int error = write_pid_file(options_.pid_file); error != 0) {
            log::error("pid-file=" + options_.pid_file + ": " + std::strerror(error) + "; choose a directory that can be written");
            return 3;
        }
        pid_file_ = options_.pid_file;
    }
    const std::string log_problem = log::open(options_.log_facility, options_.log_debug, options_.log_async);
    if (*identity) {
        if (options_.log_facility.find('/') != std::string::npos) give_file(options_.log_facility, owner_);
        if (const auto done = become(**identity, follows_interfaces(options_) && options_.port < 1024); !done) {
            log::error(done.error().text);
            log::close();
            return 5;
        }
    }
    if (!log_problem.empty()) log::warning(log_problem);
    for (const auto& warning : parsed_.warnings) log::warning(warning.line());
    if (!stats_problem.empty()) log::warning("no stats endpoint: " + stats_problem);

    say_started(*identity);
    return 0;
}

/// A problem is said, and not fatal: answers matter more than figures.
std::string App::open_stats() {
    if (options_.stats_address.empty()) return {};
    auto opened = StatsServer::open(options_.stats_address, options_.stats_host, counters_);
    if (!opened) return opened.error().text;
    stats_ = std::move(*opened);
    // A socket in the file system belongs to the user that lictor becomes.
    const bool in_files = options_.stats_address.starts_with("unix://");
    if (in_files && geteuid() == 0 && chown(options_.stats_address.c_str() + 7, owner_, static_cast<gid_t>(-1)) != 0)
        return std::string("its socket cannot be given to the user that lictor becomes: ") + std::strerror(errno);
    return {};
}

void App::say_started(const std::optional<Identity>& identity) const {
    std::string where;
    for (const auto& endpoint : sockets_.listening()) where += (where.empty() ? "" : ", ") + endpoint.text();
    // The first of these lines is dnsmasq's own: scripts wait for it.
    log::info(std::string("started, version ") + LICTOR_VERSION +
              (options_.cache_size ? " cachesize " + std::to_string(options_.cache_size) : std::string(" cache disabled")));
    if (options_.port == 0) log::info("DNS is switched off (port=0)");
    else log::info("listening on " + where +
              (options_.listen_address.empty() && options_.interface.empty() && options_.except_interface.empty() ? " (loopback only, unless listen-address says more)" : "") +
              (stats_ ? ", stats on " + stats_->address() : "") + (identity ? ", as user " + identity->user_name : ""));
    say_missing_interfaces(options_);
    // What a reload must read has to be readable by the user that we are now.
    for (const auto& file : parsed_.files)
        if (file != "-" && access(file.c_str(), R_OK) != 0)
            log::warning("HUP will not be able to read " + file + " as this user: " + std::strerror(errno));
}

/// The owners of what is watched, followed, asked and told; each runs from here on.
void App::start_parts() {
    if (hook_process_) hooks_runner_ = std::make_unique<HookRunner>(loop_, std::move(hook_process_), counters_);
    publisher_ = std::make_unique<Publisher>(loop_, board_, counters_,
                                             Publisher::Hooks{.wake = [this] { crew_.wake(); },
                                                              .seen = [this] { return crew_.generations_seen(); },
                                                              .news = [this](const LeaderNews& news) { on_news(news); },
                                                              .done = [this](const FailoverRecord& record) { tell("failover", failover_json(record, Loop::now())); }});
    disk_ = std::make_unique<FollowedDisk>(loop_, [this] { offer_rules(); });
    hosts_ = std::make_unique<HostResolver>(loop_, random_);
    named_ = std::make_unique<NamedUpstreams>(loop_, random_, *hosts_, [this] { offer_rules(); });
    watcher_ = std::make_unique<Watcher>(
        loop_, options_, counters_, random_,
        Watcher::Hooks{.publish = [this](std::shared_ptr<const Catalog> catalog) { publisher_->offer(std::move(catalog)); },
                       .resolve =
                           [this](const std::string& host) {
                               hosts_->resolve(host, [this, host](const HostAnswer& found) { watcher_->on_host(host, found); });
                           },
                       .resolve_consul =
                           [this](const std::string& host, std::function<void(std::vector<Address>)> done) {
                               hosts_->resolve(host, [done](const HostAnswer& found) {
                                   auto all = found.v4.value_or(std::vector<Address>());
                                   if (found.v6) all.insert(all.end(), found.v6->begin(), found.v6->end());
                                   done(std::move(all));
                               });
                           }});
    if (!options_.snapshot_file.empty()) remember();
    disk_->set_loop_token(random_.next_u64() | 1);
    loop_probe_ = std::make_unique<Timer>(loop_, [this] { hosts_->probe_loops(*publisher_->current()->rules); });
    disk_->adopt(options_);
    offer_rules();
    start_shadow();
    interfaces_ = std::make_unique<InterfaceWatch>(loop_, [this] { on_interfaces(); });
    watcher_->start();
    await_named_upstreams();
    if (!stopping_) {
        crew_.start({.sockets = sockets_.hand_over(),
                     .dump = dump_,
                     .descriptors = descriptors_,
                     .listed = [this](std::vector<TableRow> rows) { cache_dump_->take(std::move(rows)); }},
                    options_, board_, mailbox_);
        on_interfaces();
        if (std::exchange(reload_at_start_, false)) reload();
    }
    if (stats_) {
        const auto started = stats_->start(loop_, {.status = [this] { return status(); },
                                                   .flush = [this](std::optional<Name> name) { crew_.flush(name); },
                                                   .events = events_.get()});
        if (!started) log::warning("no stats endpoint: " + started.error().text);
    }
    heartbeat_ = std::make_unique<Timer>(loop_, [this] { crew_.wake(); });
    heartbeat_->repeat(heartbeat_every);
    probe_ = std::make_unique<Timer>(loop_, [this] { probe_upstreams(); });
    probe_->start(microseconds(0));
}

int App::end() {
    if (keeper_) keeper_->finish();
    watcher_->stop();
    const bool all_ended = crew_.join();
    if (!pid_file_.empty()) unlink(pid_file_.c_str());
    if (dump_ && dump_->dropped()) log::warning("dumpfile: " + std::to_string(dump_->dropped()) + " packets dropped, the disk was too slow");
    log::info("exiting on receipt of " + stopped_by_);
    log::close();
    if (!all_ended) _exit(0);  // a worker hangs: the bound on stopping counts more than tidiness
    return 0;
}

/// Questions that come before the name of an upstream is looked up would fail: it is given a moment before anything is served.
void App::await_named_upstreams() {
    if (named_->settled()) return;
    Timer patience(loop_, [this] { loop_.stop(); });
    Timer look(loop_, [this] {
        if (named_->settled()) loop_.stop();
    });
    patience.start(named_patience);
    look.repeat(milliseconds(2));
    loop_.run();
}

/// What was known before a restart, and who keeps it for the next one.
void App::remember() {
    if (auto loaded = load_snapshot(options_.snapshot_file); !loaded) {
        counters_.snapshot_failures.add();
        log::warning(loaded.error().text);
    } else if (*loaded) {
        auto snapshot = std::make_shared<const Snapshot>(*std::move(*loaded));
        log::info("snapshot of " + std::to_string(std::max<std::int64_t>(0, Loop::moment().unix_seconds - snapshot->contact_unix)) + " s ago: " +
                  std::to_string(snapshot->services.size()) + " services, " + std::to_string(snapshot->leaders.size()) + " leaders");
        publisher_->remember(snapshot->marks);
        watcher_->remember(std::move(snapshot));
    }
    keeper_ = std::make_unique<SnapshotKeeper>(loop_, options_.snapshot_file, counters_, [this] {
        auto snapshot = watcher_->snapshot();
        if (snapshot) snapshot->marks = marks_of(*publisher_->current()->book);
        return snapshot;
    });
}

void App::on_mail() {
    const auto mail = mailbox_.take();
    counters_.wants_dropped.set(mail.wants_dropped);
    if (stopping_) return finish_stop();
    if (mail.seen) publisher_->on_seen();
    for (const auto& need : mail.wants) watcher_->want(need);
    if (shadow_)
        for (const auto& sample : mail.samples) shadow_->offer(sample);
    bool looped = false;
    for (const auto& upstream : mail.loops) looped = disk_->on_loop(upstream) || looped;
    if (looped) offer_rules();
}

void App::on_news(const LeaderNews& news) {
    tell(news.leads ? "leader" : "withdrawn", news_json(news));
    if (hooks_runner_) hooks_runner_->tell(news);
}

void App::tell(std::string_view type, const std::string& data) {
    const auto& text = events_->add(type, data);
    if (stats_) stats_->send_event(text);
}

void App::offer_rules() {
    std::vector<std::string> notes = disk_->take_notes();
    const auto own = own_endpoints(sockets_.listening());
    named_->want(named_servers(options_, disk_->files()), own);
    disk_->set_servers_by_name(named_->addresses());
    auto rules = make_rules(options_, disk_->files(), own, notes);
    // What stands as it stood is not said again, for rules are made anew for many reasons; what happened is.
    for (const auto& note : notes)
        if (note.starts_with("inotify: ") || std::find(notes_said_.begin(), notes_said_.end(), note) == notes_said_.end()) log::info(log::one_line(note));
    notes_said_ = std::move(notes);
    if (rules->upstreams.empty()) log::warning("no upstream servers configured");
    const bool upstreams_moved = upstreams_before_ != rules->upstreams;
    const bool clears = options_.clear_on_reload && !upstreams_before_.empty() && upstreams_moved;
    upstreams_before_ = rules->upstreams;
    hosts_->adopt(rules);
    if (upstreams_moved && !rules->loop_probes.empty()) loop_probe_->start(loop_probe_after);
    publisher_->offer(std::move(rules));
    // Behind the offer: a worker takes over the newest view before it forgets what came by the old one.
    if (clears) crew_.flush();
}

void App::probe_upstreams() {
    // Without a default upstream (only Consul, only some domains) there is nobody to wait for.
    const UpstreamGroup* standard = find_route(*publisher_->current()->rules, Name{});
    if (upstream_answered_ || !standard || standard->members.empty()) {
        upstream_answered_ = true;
        return;
    }
    hosts_->probe([this](bool answered) {
        upstream_answered_ = upstream_answered_ || answered;
        if (!upstream_answered_) probe_->start(probe_every);
    });
}

void App::start_shadow() {
    shadow_.reset();
    if (options_.shadow.empty() || sockets_.listening().empty()) return;
    auto rule = read_shadow(options_.shadow);
    if (rule) shadow_ = std::make_unique<ShadowAsker>(loop_, random_, std::move(*rule), sockets_.listening().front());
}

/// Addresses come and go: what is listened on follows where the configuration says so, and names made from addresses always do.
void App::on_interfaces() {
    if (stopping_ || crew_.size() == 0) return;  // looked at when there are workers
    if (follows_interfaces(options_)) sockets_.follow(options_, crew_);
    disk_->on_interfaces();
}

void App::reload() {
    if (crew_.size() == 0) {  // names of upstreams are still looked up
        reload_at_start_ = true;
        return;
    }
    Parsed fresh = parse_configuration(invocation_.arguments, invocation_.environment, *invocation_.files);
    settle_log(fresh.options);
    reload_errors_.clear();
    for (const auto& complaint : fresh.errors) reload_errors_.push_back(complaint.line());
    const auto refuse = [&] {
        counters_.reload_failures.add();
        for (const auto& line : reload_errors_) log::error("configuration not taken over: " + line);
        log::error("the configuration of before stays in force");
    };
    if (!fresh.errors.empty()) return refuse();

    // New endpoints are bound before anything else changes: if that fails, nothing has.
    auto change = sockets_.prepare(fresh.options, crew_);
    if (!change) {
        reload_errors_.push_back(change.error().text);
        return refuse();
    }
    const Options before = std::exchange(options_, fresh.options);
    parsed_ = std::move(fresh);
    loaded_unix_ = Loop::moment().unix_seconds;
    for (const auto& warning : parsed_.warnings) log::warning(warning.line());
    for (const auto name : changed_until_restart(before, options_))
        log::warning(std::string(name) + " changed: this takes effect at the next start");
    sockets_.adopt(std::move(*change), crew_);
    say_missing_interfaces(options_);
    log::reopen();
    disk_->adopt(options_);
    notes_said_.clear();
    upstreams_before_.clear();  // so that loops are looked for again
    offer_rules();
    if (before.shadow != options_.shadow) start_shadow();
    watcher_->adopt(options_);
    // As dnsmasq does: HUP empties the cache of forwarded answers. What is known of Consul stays.
    crew_.flush();
    counters_.reloads.add();
    log::info("cleared cache");
    log::info("configuration read again");
}

void App::stop(const char* why) {
    if (std::exchange(stopping_, true)) return;
    stopped_by_ = why;
    tell_systemd("STOPPING=1");
    crew_.stop();
    stop_timer_ = std::make_unique<Timer>(loop_, [this] { loop_.stop(); });
    stop_timer_->start(stop_patience);
    finish_stop();
}

void App::finish_stop() {
    if (crew_.all_ended()) loop_.stop();
}

Status App::status() const {
    Status status;
    const Moment at = Loop::moment();
    status.version = LICTOR_VERSION;
    status.now = at.now;
    status.started_unix = started_unix_;
    status.uptime_seconds = std::chrono::duration<double>(at.now - started_).count();
    status.listening = sockets_.listening();
    status.config_files = parsed_.files;
    status.config_loaded_unix = loaded_unix_;
    status.reload_errors = reload_errors_;
    status.control = &counters_;
    crew_.report(status);
    bool any_answered = false;
    for (const auto& report : status.upstreams) any_answered = any_answered || report.answered > 0;
    status.view = publisher_->current();
    status.watches = watcher_->reports();
    status.failovers = &publisher_->failovers();
    status.consul_on = status.view->catalog->consul_on;
    status.consul_last_contact_unix = watcher_->last_contact();
    status.consul_address = options_.consul_http_addr.empty() ? "" : watcher_->consul_address();
    const bool synced = !status.consul_on || watcher_->first_sync_done();
    const bool answered = upstream_answered_ || any_answered;
    const std::string consul_failure = watcher_->consul_failure();
    status.ready = status.healthy && synced && answered;
    if (!status.healthy) status.not_ready_because = "a worker's loop stands still";
    else if (!synced) status.not_ready_because = "the first reads from Consul are not done" + (consul_failure.empty() ? std::string() : ": " + consul_failure);
    else if (!answered) status.not_ready_because = "no upstream has answered yet";
    if (shadow_) status.shadow = shadow_->report();
    status.resident_bytes = resident_bytes();
    status.open_descriptors = count_descriptors();
    return status;
}

}  // namespace

int serve(Parsed parsed, const Invocation& invocation) {
    // Few arenas and early trimming: a small sidecar keeps little memory, and its hot path does not allocate.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    settle_log(parsed.options);
    auto background = goes_to_background(parsed.options) ? BackgroundStart::go() : BackgroundStart();
    // Before there is a socket, a loop or a thread: the process that runs hooks has none of them.
    auto hooks = HookProcess::start(parsed.options);
    if (!hooks) {
        log::error(hooks.error().text);
        return 1;
    }
    App app(std::move(parsed), invocation, *std::move(hooks), std::move(background));
    const int code = app.run();
    if (code != 0) log::error("FAILED to start up");
    return code;
}

}  // namespace lictor
