// How are the bytes of a secret removed from memory when they are not needed any more?
#pragma once

#include <string.h>  // explicit_bzero

#include <string>

namespace lictor {

/// Overwrites the text's bytes, which the compiler does not leave out, and makes it empty. Copies made before are not found.
inline void wipe(std::string& secret) {
    explicit_bzero(secret.data(), secret.size());
    secret.clear();
}

/// Wipes a text at the end of a block.
class WipedAtEnd {
public:
    explicit WipedAtEnd(std::string& secret) : secret_(secret) {}
    ~WipedAtEnd() { wipe(secret_); }
    WipedAtEnd(const WipedAtEnd&) = delete;
    WipedAtEnd& operator=(const WipedAtEnd&) = delete;

private:
    std::string& secret_;
};

}  // namespace lictor
