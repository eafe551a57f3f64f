// The real file system behind FileSource: reads whole files, bounded, and lists folders.
#pragma once

#include "conf/parse.hpp"

namespace lictor {

class DiskFiles : public FileSource {
public:
    Result<File> read(const std::string& path) override;
    bool exists(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;

private:
    /// Standard input can be read once only; a reload gets the same text again.
    std::string input_;
    bool input_read_ = false;
};

}  // namespace lictor
