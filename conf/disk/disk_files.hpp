// FileSource on the file system: reads whole files of at most 64 MiB, and lists directories. Each call may block the thread while the disk
// is read.
#pragma once

#include "conf/parse/file_source.hpp"

namespace lictor::disk {

/// May be used by one thread at a time. A file is not kept open after a call.
class DiskFiles : public conf::FileSource {
public:
    /// `-` and `/dev/stdin` are standard input, which is read at the first call only. An error if the kernel reports one (its text is
    /// strerror(3)'s), if `path` is a directory, or if the file is longer than 64 MiB.
    Result<File> read(const std::string& path) override;
    /// False only if stat(2) fails with ENOENT. True for any other failure, for example EACCES, so that the following `read` reports it.
    bool exists(const std::string& path) override;
    /// A link to a directory is left out, like a directory. A broken link is listed, so that reading it reports the error. The text of an
    /// error is strerror(3)'s.
    Result<std::vector<std::string>> list(const std::string& directory) override;

private:
    /// Standard input can be read only once, so a reload gets the same text.
    std::string standard_input_;
    bool standard_input_read_ = false;
};

}  // namespace lictor::disk
