// Reads the command line and runs what it asks for; the only place that catches exceptions.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/printable.hpp"
#include "conf/disk/disk_files.hpp"
#include "conf/log/log.hpp"
#include "conf/options/consul_address.hpp"
#include "conf/parse/parse.hpp"
#include "conf/render/render.hpp"
#include "resolver/cli/command.hpp"
#include "resolver/cli/complaints.hpp"
#include "resolver/cli/version.hpp"
#include "resolver/control/app.hpp"
#include "resolver/hooks/cut_process.hpp"
#include "resolver/init/init.hpp"
#include "resolver/process/preflight.hpp"

extern char** environ;  // NOLINT: POSIX

namespace {

using namespace lictor;

conf::Environment environment_of_process() {
    conf::Environment environment;
    for (char** at = environ; at && *at; ++at) {
        const std::string_view pair = *at;
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos) environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return environment;
}

/// `-h` is dnsmasq's no-hosts. Alone on a terminal it is a person's question, unless lictor is called as dnsmasq.
bool is_help_on_terminal(int argc, char** argv) {
    return argc == 2 && std::string_view(argv[1]) == "-h" && isatty(STDOUT_FILENO) && !log::called_as_dnsmasq();
}

int run(int argc, char** argv) {
    if (argc > 0) log::called(argv[0]);
    const control::Invocation invocation{{argv + 1, argv + argc}, environment_of_process(), std::make_shared<disk::DiskFiles>()};
    // Its command's words are not lictor's.
    if (!invocation.arguments.empty() && invocation.arguments.front() == "init")
        return init::run_init({invocation.arguments.begin() + 1, invocation.arguments.end()}, invocation.environment, *invocation.files,
                              [] { return cli::run_help("init"); });
    conf::Parsed parsed = conf::parse_configuration(invocation.arguments, invocation.environment, *invocation.files);
    const auto is_command = [&](std::string_view word) { return parsed.action == conf::Action::command && parsed.words.front() == word; };
    // These work even if the configuration has errors, as --help and --version do.
    if (is_command("help") && parsed.words.size() > 1) return cli::run_help(parsed.words[1]);
    if (is_command("help") || is_help_on_terminal(argc, argv)) parsed.action = conf::Action::help;
    if (is_command("version")) parsed.action = conf::Action::version;
    if (parsed.action == conf::Action::help) {
        std::fputs(conf::render_help().c_str(), stdout);
        return 0;
    }
    if (parsed.action == conf::Action::version) {
        std::fputs(cli::version_text(LICTOR_COMMIT).c_str(), stdout);
        return 0;
    }
    // import reads another program's files, even if lictor's own have errors.
    if (is_command("import")) return cli::run_import(parsed.words, *invocation.files);
    if (const int code = cli::print_complaints(parsed, parsed.action == conf::Action::test); code != 0) return code;
    if (parsed.action == conf::Action::test) {
        for (const auto& sentence : process::find_start_problems(parsed.options, parsed.files))
            std::fprintf(stderr, "lictor: warning: %s\n", one_line(sentence).c_str());
        if (const auto warning = hooks::find_cut_warning(parsed.options); !warning.empty())
            std::fprintf(stderr, "lictor: warning: %s\n", one_line(warning).c_str());
        if (conf::is_consul_assumed(parsed.options))
            std::fputs(
                "lictor: Consul is not configured: an agent at 127.0.0.1:8500 is assumed. Until it answers, names below consul are "
                "forwarded.\n",
                stderr);
        std::fputs("lictor: syntax check OK.\n", stderr);
        return 0;
    }
    if (parsed.action == conf::Action::command) return cli::run_command(parsed.words, parsed.options);
    return control::serve(std::move(parsed), invocation);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lictor: %s\n", error.what());
        return 5;
    }
}
