// Functions of libc that a static program must not have: each loads libraries at run time that belong to one version of glibc (NSS). The
// libraries that lictor is linked with refer to them on paths that lictor never takes, because lictor resolves names, users and ports by
// itself. Here each reports that there is no such name. Linked into the static program only.
#include <netdb.h>
#include <pwd.h>

extern "C" {

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) noexcept { return EAI_NONAME; }
void freeaddrinfo(addrinfo*) noexcept {}
int getnameinfo(const sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int) noexcept { return EAI_NONAME; }
hostent* gethostbyname(const char*) { return nullptr; }
servent* getservbyname(const char*, const char*) { return nullptr; }
servent* getservbyport(int, const char*) { return nullptr; }
protoent* getprotobyname(const char*) { return nullptr; }
protoent* getprotobynumber(int) { return nullptr; }
void endservent() {}
void endprotoent() {}
int getpwuid_r(uid_t, passwd*, char*, size_t, passwd** found) {
    *found = nullptr;
    return 0;
}

}  // extern "C"
