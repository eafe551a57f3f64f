// Reads the files with DiskFiles.
#include "conf/disk/users.hpp"

#include "conf/disk/disk_files.hpp"

namespace lictor::disk {
namespace {

std::string text_of(const char* path) {
    auto file = DiskFiles().read(path);
    return file ? std::move(file->text) : std::string();
}

}  // namespace

std::optional<conf::UserLine> find_user(const std::string& name) { return conf::user_of_name(text_of("/etc/passwd"), name); }
std::optional<conf::UserLine> find_user(unsigned id) { return conf::user_of_id(text_of("/etc/passwd"), id); }
std::optional<unsigned> find_group(const std::string& name) { return conf::group_of_name(text_of("/etc/group"), name); }

}  // namespace lictor::disk
