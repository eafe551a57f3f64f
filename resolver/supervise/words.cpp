// Options are not interpreted here: the parser of the configuration reads them.
#include "resolver/supervise/words.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/options/options.hpp"

namespace lictor::supervise {
namespace {

constexpr std::string_view usage = "write lictor init [OPTION…] -- COMMAND [ARGUMENT…]";

std::vector<std::string> split(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    std::vector<std::string> words;
    for (;;) {
        text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
        if (text.empty()) return words;
        const auto end = std::min(text.find_first_of(blanks), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

}  // namespace

Result<Words> read_words(const std::vector<std::string>& words, std::string_view environment) {
    Words read;
    auto at = words.begin();
    for (; at != words.end() && at->starts_with('-') && *at != "--"; ++at) {
        if (*at == "--supervised") {
            read.supervised = true;
        } else if (*at == "--help") {
            read = {};
            read.help = true;
            return read;
        } else {
            read.options.push_back(*at);
        }
    }
    const auto end = std::find(at, words.end(), "--");
    if (!read.options.empty()) {  // the words up to `--` may be values of options
        if (end == words.end())
            return Error{"the options must end with --: " + std::string(usage) + "; '" + printable(read.options.front(), 60) +
                         "' is an option"};
        read.options.insert(read.options.end(), at, end);
        at = end;
    }
    if (at != words.end() && *at == "--") ++at;
    read.command.assign(at, words.end());
    if (read.command.empty() || read.command.front().empty())
        return Error{"no command was given: " + std::string(usage) + "; in an image the command is its CMD"};
    auto more = split(environment);
    if (read.supervised) {
        if (!read.options.empty())
            return Error{"--supervised: the command starts lictor itself, so lictor's options belong there, not here"};
        return read;
    }
    read.options.insert(read.options.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    return read;
}

Result<std::string> nameserver_of(const conf::Options& options) {
    constexpr std::uint16_t dns_port = 53;
    if (options.port != dns_port)
        return Error{"port=" + std::to_string(options.port) + ": resolv.conf can name only port 53; remove the option"};
    const Address local = Address::v4(127, 0, 0, 1);
    const auto& listens = options.listen_address;
    const bool answers = listens.empty() || std::any_of(listens.begin(), listens.end(), [&](const Address& address) {
                             return address == local || address.is_unspecified();
                         });
    return (answers || !options.interface.empty() ? local : listens.front()).text();
}

}  // namespace lictor::supervise
