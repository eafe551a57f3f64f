// dlopen of libsystemd.so.0, once per call: it is called twice in a life.
#include "resolver/readiness.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "conf/log.hpp"

namespace lictor {

void tell_systemd(const char* state) {
    if (!std::getenv("NOTIFY_SOCKET")) return;
    void* library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        log::warning("systemd wants to be told that lictor is ready, but libsystemd.so.0 cannot be opened; install libsystemd0 or use Type=simple");
        return;
    }
    using Notify = int (*)(int, const char*);
    if (const auto notify = reinterpret_cast<Notify>(dlsym(library, "sd_notify"))) notify(0, state);
    dlclose(library);
}

}  // namespace lictor
