// The files that `lictor init` reads and writes: resolv.conf, and the copy of the container engine's text from which lictor reads its
// upstreams.
#pragma once

#include <string>
#include <vector>

#include "conf/base/result.hpp"

namespace lictor::init {

/// resolv.conf of one container. Blocks on the disk. One thread.
class ResolvConf {
public:
    /// `path`: of resolv.conf. `copies`: where the copy may be, in order of preference; the first folder that can be written is used.
    ResolvConf(std::string path, std::vector<std::string> copies);

    /// Finds the engine's text: in resolv.conf, or in the copy of an earlier run. A missing resolv.conf counts as an empty one; one of
    /// more than 64 KiB is refused. The errors of all functions name the file and the remedy.
    Result<bool> find();
    /// Writes the copy (mode 0644, its folder is made). resolv.conf itself is not changed. After `find`.
    Result<bool> keep();
    /// The engine's text; empty if it has none.
    const std::string& engine() const { return engine_; }
    /// The path of the copy. After `keep`.
    const std::string& copy() const { return copy_; }
    /// True if resolv.conf names `nameserver` alone without being changed (`--dns 127.0.0.1`). Then neither `take` nor a copy is needed.
    bool names_only(const std::string& nameserver) const;

    /// Checks that resolv.conf can be written; changes nothing.
    Result<bool> can_be_taken() const;
    /// Makes `nameserver` the only one. In place: in a container resolv.conf is a bind mount, which cannot be replaced.
    Result<bool> take(const std::string& nameserver) const;
    /// Writes the engine's text, if what is there is lictor's.
    Result<bool> give_back() const;

private:
    std::string path_, copy_, engine_, found_;
    std::vector<std::string> copies_;
};

}  // namespace lictor::init
