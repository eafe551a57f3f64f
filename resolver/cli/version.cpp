// Asks each library for its version at run time, so that a dynamic build names the installed one; the others are headers only.
#include "resolver/cli/version.hpp"

#include <curl/curl.h>
#include <gnu/libc-version.h>
#include <idn2.h>
#include <microhttpd.h>
#include <spdlog/version.h>
#include <uv.h>

#include <nlohmann/json.hpp>

#include <stdbool.h>  // before ldns: switches its own macros for bool, true and false off

#include <ldns/util.h>

namespace lictor::cli {
namespace {

#define LICTOR_TEXT_OF(number) #number
#define LICTOR_TEXT(number) LICTOR_TEXT_OF(number)
#define LICTOR_DOTTED(major, minor, patch) LICTOR_TEXT(major) "." LICTOR_TEXT(minor) "." LICTOR_TEXT(patch)

#ifdef __clang__
#define LICTOR_COMPILER __VERSION__
#else
#define LICTOR_COMPILER "g++ " __VERSION__
#endif

constexpr const char* kind =
#ifdef LICTOR_STATIC
    "static"
#else
    "dynamic"
#endif
#ifndef __OPTIMIZE__
    ", debug"
#endif
    ;

constexpr const char* architecture =
#if defined(__x86_64__)
    "amd64";
#elif defined(__aarch64__)
    "arm64";
#else
    "other architecture";
#endif

}  // namespace

std::string version_text(const std::string& commit) {
    const auto* curl = curl_version_info(CURLVERSION_NOW);
    const std::string tls = curl->ssl_version ? std::string(" with ") + curl->ssl_version : " without TLS";
    return std::string("lictor version ") + LICTOR_VERSION + "\ncommit " + (commit.empty() ? "unknown" : commit) + ", " + kind +
           " build for " + architecture + ", " LICTOR_COMPILER "\nlibcurl " + curl->version + tls + ", ldns " + ldns_version() +
           ", libidn2 " + idn2_check_version(nullptr) + ", libuv " + uv_version_string() + ", libmicrohttpd " + MHD_get_version() +
           ", nlohmann_json " LICTOR_DOTTED(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                            NLOHMANN_JSON_VERSION_PATCH) ", spdlog " +
           LICTOR_DOTTED(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH) + ", glibc " + gnu_get_libc_version() + '\n';
}

}  // namespace lictor::cli
