// The options that control the parser. They store no value. Each row has the texts of an option.
#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

constexpr Row rows[] = {
    {.name = "conf-file",
     .letter = 'C',
     .shape = Shape::bare_or,
     .times = Times::repeatable,
     .argument = "<path>",
     .help = "file to read; - = standard input",
     .reference = "Reads this file. Files may include other files; each file is read only once. On the command line it replaces "
                  "the default file: /etc/lictor.conf if it exists, else /etc/lictor/lictor.conf if that exists. If both have lines, a "
                  "warning names the one that is not read. Empty on the command line: no file is read.",
     .default_text = "/etc/lictor.conf, else /etc/lictor/lictor.conf",
     .sample = "/etc/lictor/more.conf",
     .steer = Steer::conf_file},
    {.name = "conf-dir",
     .letter = '7',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<path>[,<ending>…]",
     .help = "directory of files to read",
     .reference = "Reads the files of a directory in the order of their names. Files with one of the endings are skipped. If endings are "
                  "written as `*ENDING`, only files with these endings are read. Names that begin with `.`, end with `~` or begin and end "
                  "with `#` are never read.",
     .default_text = "none",
     .sample = "/etc/lictor/conf.d,*.conf",
     .steer = Steer::conf_dir},
    {.name = "test",
     .times = Times::repeatable,
     .help = "check the configuration and exit",
     .reference =
         "Reads the whole configuration, reports all errors and exits: 0 when it is valid, 1 when it is not, 3 when a file is missing.",
     .default_text = "off",
     .steer = Steer::test},
    {.name = "version",
     .letter = 'v',
     .times = Times::repeatable,
     .help = "print the version and exit",
     .reference = "Prints the version and exits.",
     .default_text = "off",
     .steer = Steer::version},
    {.name = "help",
     .letter = 'w',
     .times = Times::repeatable,
     .help = "print this help and exit",
     .reference = "Lists the options and exits.",
     .default_text = "off",
     .steer = Steer::help},
};

}  // namespace

const RowGroup configuration_group{"Configuration", rows};

}  // namespace lictor::conf
