// argv in, exit code out: what the first words ask for, and the one place where an exception would be caught.
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "conf/disk_files.hpp"
#include "conf/log.hpp"
#include "conf/parse.hpp"
#include "conf/render.hpp"
#include "resolver/app.hpp"
#include "resolver/command.hpp"
#include "resolver/preflight.hpp"

extern char** environ;  // NOLINT: POSIX

namespace {

using namespace lictor;

Environment environment_of_process() {
    Environment environment;
    for (char** at = environ; at && *at; ++at) {
        const std::string_view pair = *at;
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos) environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return environment;
}

int run(int argc, char** argv) {
    if (argc > 0) log::called(argv[0]);
    const Invocation invocation{{argv + 1, argv + argc}, environment_of_process(), std::make_shared<DiskFiles>()};
    Parsed parsed = parse_configuration(invocation.arguments, invocation.environment, *invocation.files);
    if (parsed.action == Action::help) {
        std::fputs(render_help().c_str(), stdout);
        return 0;
    }
    if (parsed.action == Action::version) {
        std::printf("lictor version %s\n", LICTOR_VERSION);
        return 0;
    }
    // The files of another program are looked at, whatever lictor's own say.
    if (parsed.action == Action::command && parsed.words.front() == "import") return run_import(parsed.words, *invocation.files);
    const bool tells = parsed.action == Action::test || !parsed.errors.empty();
    for (const auto& warning : parsed.warnings)
        if (tells) std::fprintf(stderr, "lictor: warning: %s\n", log::one_line(warning.line()).c_str());
    bool file_missing = false;
    for (const auto& complaint : parsed.errors) {
        std::fprintf(stderr, "lictor: %s\n", log::one_line(complaint.line()).c_str());
        file_missing = file_missing || complaint.file_missing;
    }
    if (!parsed.errors.empty()) {
        std::fprintf(stderr, "lictor: %zu error%s in the configuration; see lictor --help\n", parsed.errors.size(), parsed.errors.size() == 1 ? "" : "s");
        return file_missing ? 3 : 1;
    }
    if (parsed.action == Action::test) {
        for (const auto& sentence : look_ahead(parsed.options)) std::fprintf(stderr, "lictor: warning: %s\n", log::one_line(sentence).c_str());
        std::fputs("lictor: syntax check OK.\n", stderr);
        return 0;
    }
    if (parsed.action == Action::command) return run_command(parsed.words, parsed.options);
    return serve(std::move(parsed), invocation);
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
