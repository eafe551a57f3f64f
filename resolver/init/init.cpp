// One loop of poll(2): signals come through a signalfd, lictor's readiness through a socket, times from the Keeper.
#include "resolver/init/init.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/disk/disk_files.hpp"
#include "resolver/cli/complaints.hpp"
#include "resolver/init/processes.hpp"
#include "resolver/init/resolv_conf.hpp"
#include "resolver/supervise/keeper.hpp"
#include "resolver/supervise/resolv_text.hpp"
#include "resolver/supervise/words.hpp"

namespace lictor::init {
namespace {

constexpr int wrong = 1;
constexpr int signal_base = 128;
/// lictor's own stop is bounded by one second.
constexpr Now stop_wait = seconds(3);

/// Signals that report a fault of this process itself, or that the terminal sends to a group in the background. All others are passed on.
constexpr int own_signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU, SIGPIPE};
/// These end a start: there is no command yet that could handle them.
constexpr int ending_signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

Now clock_now() { return std::chrono::duration_cast<Now>(std::chrono::steady_clock::now().time_since_epoch()); }

void say(const std::string& text) { std::fprintf(stderr, "lictor init: %s\n", one_line(text).c_str()); }

int refuse(const Error& error, int code = wrong) {
    say(error.text);
    return code;
}

int code_of(int status) { return WIFSIGNALED(status) ? signal_base + WTERMSIG(status) : WEXITSTATUS(status); }

std::string end_text(int status) {
    return WIFSIGNALED(status)
               ? std::string("was ended by signal ") + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ')'
               : "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

/// Blocks all signals that this process reads from a descriptor; gives that descriptor.
Result<int> take_signals(Inherited& inherited) {
    sigset_t taken;
    sigfillset(&taken);
    for (const int number : own_signals) sigdelset(&taken, number);
    sigprocmask(SIG_SETMASK, &taken, &inherited.mask);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &inherited.pipe);
    sigaction(SIGTTIN, &ignore, &inherited.ttin);
    sigaction(SIGTTOU, &ignore, &inherited.ttou);
    signal(SIGCHLD, SIG_DFL);  // if ignored, the kernel would drop exit codes
    const int descriptor = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) return Error{std::string("signalfd: ") + std::strerror(errno)};
    return descriptor;
}

/// Everything of one run, once the words are understood.
struct Plan {
    std::vector<std::string> command;
    std::vector<std::string> lictor;  ///< its arguments; empty: the command starts lictor itself
    std::string nameserver = "127.0.0.1";
    bool changes_resolv_conf = true;  ///< false: the engine already names lictor alone
};

class Init {
public:
    Init(Plan plan, const ResolvConf& resolv, NotifySocket notify, int signals, const Inherited& inherited)
        : plan_(std::move(plan)), resolv_(resolv), notify_(std::move(notify)), signals_(signals), inherited_(inherited) {}

    int run() {
        if (plan_.lictor.empty()) {
            take();
            if (!code_) start();
        }
        while (!code_) {
            do_what_is_due();
            if (!code_) wait();
        }
        return end();
    }

private:
    void do_what_is_due() {
        using supervise::Act;
        if (plan_.lictor.empty()) return;
        for (Act act = keeper_.next(clock_now()); act != Act::nothing && !code_; act = keeper_.next(clock_now())) switch (act) {
                case Act::start: start_daemon(); break;
                case Act::kill:
                    say("lictor does not serve " +
                        std::to_string(std::chrono::duration_cast<seconds>(supervise::Keeper::serves_within).count()) +
                        " s after its start; it is ended");
                    if (!keeper_.has_served()) code_ = wrong;
                    kill(daemon_, SIGKILL);
                    break;
                case Act::take: take(); break;
                case Act::give_back:
                    give_back("lictor does not serve; names are looked up at the container engine's nameservers meanwhile");
                    break;
                case Act::nothing: break;
            }
        if (keeper_.has_served() && command_ < 0 && !code_) start();
    }

    void start_daemon() {
        const auto started = start_lictor(plan_.lictor, notify_.name(), inherited_);
        if (started) {
            daemon_ = *started;
            return keeper_.started(clock_now());
        }
        say("lictor cannot be started: " + started.error().text);
        if (!keeper_.has_served()) code_ = wrong;
        keeper_.ended(clock_now());
    }

    void start() {
        auto started = start_command(plan_.command, inherited_);
        if (started.failure) {
            say(started.failure->text);
            code_ = started.failure->code;
        }
        command_ = started.process;
    }

    void take() {
        if (!plan_.changes_resolv_conf) return;
        const auto taken = resolv_.take(plan_.nameserver);
        if (taken) return;
        say(taken.error().text);
        if (command_ < 0) code_ = wrong;
    }

    void give_back(const char* why) {
        if (!plan_.changes_resolv_conf) return;
        if (*why) say(why);
        if (const auto given = resolv_.give_back(); !given) say(given.error().text);
    }

    /// Waits for a signal, for lictor, or until something is due.
    void wait() {
        const auto wakes = plan_.lictor.empty() ? std::nullopt : keeper_.wakes();
        poll_until(wakes);
        if (notify_.is_ready(daemon_)) keeper_.serving(clock_now());
        signalfd_siginfo info{};
        while (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) on_signal(static_cast<int>(info.ssi_signo));
        reap();
    }

    void poll_until(std::optional<Now> at) const {
        int milliseconds_left = -1;
        if (at) {
            const auto left = std::chrono::ceil<milliseconds>(std::max(*at - clock_now(), Now(0)));
            milliseconds_left = static_cast<int>(left.count());
        }
        pollfd descriptors[2] = {{signals_, POLLIN, 0}, {notify_.descriptor(), POLLIN, 0}};
        poll(descriptors, 2, milliseconds_left);
    }

    void on_signal(int number) {
        if (number == SIGCHLD || number == SIGKILL || number == SIGSTOP) return;
        if (command_ > 0) {
            if (!code_) kill(command_, number);
            return;
        }
        if (std::find(std::begin(ending_signals), std::end(ending_signals), number) != std::end(ending_signals)) {
            say(std::string("ended by ") + strsignal(number) + " before the command was started");
            code_ = signal_base + number;
        }
    }

    /// Takes the exit codes of all children, also of those that other processes left.
    void reap() {
        int status = 0;
        pid_t ended = 0;
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
            if (ended == command_) {
                command_ = 0;
                code_ = code_of(status);
            } else if (ended == daemon_) {
                daemon_ = -1;
                on_daemon_ended(status);
            }
        }
    }

    void on_daemon_ended(int status) {
        if (code_) return;
        const auto now = clock_now();
        keeper_.ended(now);
        if (!keeper_.has_served()) {
            say("lictor " + end_text(status) + " before it served; the command is not started; see lictor's messages above");
            code_ = code_of(status) ? code_of(status) : wrong;
            return;
        }
        const auto pause = std::chrono::ceil<seconds>(keeper_.pause(now)).count();
        say("lictor " + end_text(status) + "; it is started again " + (pause ? "in " + std::to_string(pause) + " s" : "at once"));
    }

    int end() {
        give_back("");
        if (isatty(STDIN_FILENO)) tcsetpgrp(STDIN_FILENO, getpgrp());
        if (daemon_ > 0) {
            kill(daemon_, SIGTERM);
            for (const Now until = clock_now() + stop_wait; daemon_ > 0 && clock_now() < until;) {
                poll_until(until);
                signalfd_siginfo info{};
                while (read(signals_, &info, sizeof info) > 0) {
                }
                reap_while_ending();
            }
            if (daemon_ > 0) kill(daemon_, SIGKILL);
        }
        return *code_;
    }

    void reap_while_ending() {
        const int code = *code_;
        reap();
        code_ = code;
    }

    const Plan plan_;
    const ResolvConf& resolv_;
    const NotifySocket notify_;
    const int signals_;
    const Inherited& inherited_;
    supervise::Keeper keeper_;
    pid_t daemon_ = -1;
    pid_t command_ = -1;       ///< 0: it has ended
    std::optional<int> code_;  ///< this process ends with it
};

std::string variable(const conf::Environment& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
}

/// The options of lictor are checked here, so that an error is printed once and not at each start.
int plan_lictor(const supervise::Words& words, const conf::Environment& environment, conf::FileSource& files, Plan& plan) {
    plan.lictor = {"--keep-in-foreground", "--strict-order"};
    plan.lictor.insert(plan.lictor.end(), words.options.begin(), words.options.end());
    const auto parsed = conf::parse_configuration(plan.lictor, environment, files);
    if (const int code = cli::print_complaints(parsed, false); code != 0) return code;
    if (parsed.action != conf::Action::serve)
        return refuse({"only options of lictor may stand before --: lictor init [OPTION…] -- COMMAND [ARGUMENT…]"});
    auto nameserver = supervise::nameserver_of(parsed.options);
    if (!nameserver) return refuse(nameserver.error());
    plan.nameserver = *std::move(nameserver);
    return 0;
}

}  // namespace

int run_init(const std::vector<std::string>& words, const conf::Environment& environment, conf::FileSource& files, int (*print_help)()) {
    const auto read = supervise::read_words(words, variable(environment, "LICTOR_OPTIONS"));
    if (!read) return refuse(read.error());
    if (read->help) return print_help();
    Plan plan{.command = read->command, .lictor = {}};
    if (const auto problem = check_command(plan.command.front())) {
        say(problem->text);
        return problem->code;
    }
    const auto path = variable(environment, "LICTOR_RESOLV_CONF"), kept = variable(environment, "LICTOR_KEPT");
    std::vector<std::string> copies{kept};
    if (kept.empty()) copies = {"/var/lib/lictor/resolv.conf", "/run/lictor/resolv.conf"};
    ResolvConf resolv(path.empty() ? "/etc/resolv.conf" : path, std::move(copies));
    if (const auto found = resolv.find(); !found) return refuse(found.error());
    if (!read->supervised) {
        if (const int code = plan_lictor(*read, environment, files, plan); code != 0) return code;
    }
    plan.changes_resolv_conf = !resolv.names_only(plan.nameserver);
    if (plan.changes_resolv_conf) {
        if (const auto may = resolv.can_be_taken(); !may) return refuse(may.error());
        if (const auto kept_it = resolv.keep(); !kept_it) return refuse(kept_it.error());
        if (!read->supervised) plan.lictor.push_back("--resolv-file=" + resolv.copy());
        if (!supervise::has_nameserver(resolv.engine()))
            say("resolv.conf has no nameserver: lictor answers only names from Consul, and its server= lines");
    }
    if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    auto notify = NotifySocket::open();
    if (!notify) return refuse(notify.error());
    Inherited inherited;
    const auto signals = take_signals(inherited);
    if (!signals) return refuse(signals.error());
    return Init(std::move(plan), resolv, *std::move(notify), *signals, inherited).run();
}

}  // namespace lictor::init
