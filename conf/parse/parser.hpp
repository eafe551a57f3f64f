// The state of one parse: the Options, the place of each option, and all errors and warnings. Only parse*.cpp use it; the entry point is
// parse_configuration in parse.hpp. The command line is parsed first, then files, directories and the environment; at the end all options
// are checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "conf/options/consul_address.hpp"
#include "conf/options/option_rows.hpp"
#include "conf/parse/dnsmasq_names.hpp"
#include "conf/parse/parse.hpp"

namespace lictor::conf {

/// Used for one `run`. `environment` and `files` must outlive it.
class Parser {
public:
    Parser(const Environment& environment, FileSource& files) : environment_(environment), files_(files) {}

    /// Parses everything, in the order above, and moves the result out. Call once.
    Parsed run(const std::vector<std::string>& arguments);

private:
    enum class Origin { command_line, file, environment };
    /// The places at which an option has been given.
    struct Given {
        std::string command_line;
        std::string file;
        std::string environment;
    };

    // parse_words.cpp: the command line and the environment
    /// `read_words` passes each option to `read_long` or `read_letters`, which move `at` to the last word that they used. The first word
    /// that is no option begins the sub-command.
    void read_words(const std::vector<std::string>& arguments);
    void read_long(const std::vector<std::string>& arguments, std::size_t& at);
    void read_letters(const std::vector<std::string>& arguments, std::size_t& at);
    /// Options that neither the command line nor a file gives; an empty variable counts as not set.
    void read_environment();
    /// systemd's credential with Consul's token, if it can be read and nothing else gives a token. (In containers whose mounts are private
    /// systemd leaves an empty folder that only root can open.)
    void read_credential();
    /// Reads CONSUL_HTTP_SSL first, because it changes how Consul's addresses are parsed.
    void read_tls_variable();
    /// `--test` allows no sub-command.
    void check_words();

    // parse_files.cpp: files, folders and their lines
    /// Files and directories of the command line, then the first conf-file, or the first default file that exists.
    void read_files();
    /// A warning that `path` has lines and is not read, because `chosen` is.
    void warn_of_unread(const std::string& path, const std::string& chosen);
    /// Each file once, at most 32 deep and 4096 in all. `asked_at` is the place of errors.
    void read_file(const std::string& path, const std::string& asked_at);
    /// `DIRECTORY[,ENDING…]`, in the order of names. `ENDING` skips files, `*ENDING` selects them; hidden files and backups are skipped.
    void read_folder(std::string_view value, const std::string& asked_at);
    void read_line(std::string_view raw, const std::string& place);

    // parse.cpp: one option, and the checks of all
    /// Checks the form and the number of uses, then stores the value or steers the parser. Errors are added, not thrown.
    void apply(const Row& row, std::optional<std::string_view> value, Origin origin, const std::string& place);
    /// Notes the place of the option. False, with an error, if it was given before at the same origin and may be given only once.
    bool may_repeat(std::string_view name, Times times, Origin origin, const std::string& place);
    /// Notes the place of the values that the option has added to Options.
    void keep_places(std::string_view name, Origin origin, const std::string& place);
    void steer(const Row& row, std::string_view value, Origin origin, const std::string& place);
    void ignore_unsupported(const DnsmasqName& name, std::optional<std::string_view> value, Origin origin, const std::string& place);
    void unknown(std::string_view name, const std::string& place);
    /// Checks options against each other (`check_*`), resolves the defaults of Consul, and reports the ignored options.
    void finish();
    void check_listening();
    void check_upstreams();
    void check_consul();
    void check_leaders();
    void check_aliases();
    void check_leader_soa();
    void check_shadow();
    void report_ignored();

    /// The place of the value that is used; empty if the option was not given.
    std::string place_of(std::string_view name) const;
    /// Beyond 100 errors or warnings only their number is kept.
    void error(const std::string& place, std::string text, bool file_missing = false);
    void warning(const std::string& place, std::string text);

    const Environment& environment_;
    FileSource& files_;
    Parsed parsed_;
    ConsulGiven consul_;
    std::map<std::string_view, Given> given_;
    std::size_t errors_left_out_ = 0;
    std::size_t warnings_left_out_ = 0;

    /// Files and directories of the command line. As in dnsmasq, the first conf-file is read last.
    struct Source {
        std::string path;
        bool folder = false;
    };
    std::vector<Source> sources_;
    std::optional<std::string> conf_file_;
    std::set<std::string> identities_;
    std::size_t depth_ = 0;

    /// Ignored security options: errors or warnings, depending on `strict`, which is known at the end.
    std::vector<Complaint> ignored_security_;
    std::vector<std::string> dhcp_names_;
    std::string dhcp_place_;
    /// Places of the values in Options::listen_address, cname, leader and server, index by index.
    std::vector<std::string> listen_places_, cname_places_, leader_places_, server_places_, soa_places_;
};

}  // namespace lictor::conf
