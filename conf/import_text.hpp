// What lictor makes of the configuration files of a dnsmasq, line by line: taken (and what it does), ignored (and what goes missing
// with it) or refused (and why). For people before the switch; nothing is changed. Pure: files come through `FileSource`.
#pragma once

#include <string>
#include <vector>

#include "conf/parse.hpp"

namespace lictor {

struct Import {
    std::string text;           ///< `FILE:LINE: taken|ignored|refused: LINE -> what`, files in the order of reading; counts and the whole at the end
    std::size_t taken = 0, ignored = 0, refused = 0;
    std::size_t security = 0, dhcp = 0;   ///< of the ignored
    bool file_missing = false;
};

Import import_files(const std::vector<std::string>& paths, FileSource& files);

}  // namespace lictor
