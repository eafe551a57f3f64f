// The state of one parse: Options under construction, what was given where, and every complaint. Private to parse*.cpp; the entry is
// parse_configuration in parse.hpp. Order of work: command line, files, folders, environment, what follows from all of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "conf/dnsmasq_names.hpp"
#include "conf/option_rows.hpp"
#include "conf/parse.hpp"

namespace lictor {

class Parser {
public:
    Parser(const Environment& environment, FileSource& files) : environment_(environment), files_(files) {}

    Parsed run(const std::vector<std::string>& arguments);

private:
    enum class Origin { command_line, file, environment };
    /// Where an option was given so far.
    struct Given {
        std::string command_line;
        std::string file;
        std::string environment;
    };

    // parse_words.cpp: the command line and the environment
    void read_words(const std::vector<std::string>& arguments);
    void read_long(const std::vector<std::string>& arguments, std::size_t& at);
    void read_letters(const std::vector<std::string>& arguments, std::size_t& at);
    void read_environment();
    /// Before all others: every address of Consul is read in its light.
    void read_tls_variable();
    void check_words();

    // parse_files.cpp: files, folders and their lines
    void read_files();
    void read_file(const std::string& path, const std::string& asked_at);
    void read_folder(std::string_view value, const std::string& asked_at);
    void read_line(std::string_view raw, const std::string& place);

    // parse.cpp: one option, and what follows from all
    void apply(const Row& row, std::optional<std::string_view> value, Origin origin, const std::string& place);
    bool may_repeat(std::string_view name, Times times, Origin origin, const std::string& place);
    void steer(const Row& row, std::string_view value, Origin origin, const std::string& place);
    void pass_over(const DnsmasqName& name, std::optional<std::string_view> value, Origin origin, const std::string& place);
    void unknown(std::string_view name, const std::string& place);
    void finish();
    void check_listening();
    void check_upstreams();
    void check_consul();
    void check_leaders();
    void check_aliases();
    void check_shadow();
    void say_passed_over();

    /// Where the value that counts was given.
    std::string place_of(std::string_view name) const;
    void error(const std::string& place, std::string text, bool file_missing = false);
    void warning(const std::string& place, std::string text);

    const Environment& environment_;
    FileSource& files_;
    Parsed parsed_;
    ConsulGiven consul_;
    std::map<std::string_view, Given> given_;
    std::size_t errors_unsaid_ = 0;
    std::size_t warnings_unsaid_ = 0;

    /// Of the command line. The first conf-file is read last: a once-only value in another one is the earlier.
    struct Source {
        std::string path;
        bool folder = false;
    };
    std::vector<Source> sources_;
    std::optional<std::string> conf_file_;
    std::set<std::string> identities_;
    std::size_t depth_ = 0;

    /// Passed-over options whose weight depends on `strict`, known at the end only.
    std::vector<Complaint> unprotected_;
    std::vector<std::string> dhcp_names_;
    std::string dhcp_place_;
    /// Places of the values in Options::listen_address, cname and leader, index by index.
    std::vector<std::string> listen_places_, cname_places_, leader_places_;
};

}  // namespace lictor
