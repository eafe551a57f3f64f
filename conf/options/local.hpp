// The fields of the options for local data, with their defaults. Their rows of the option table are in local.cpp.
#pragma once

#include <string>
#include <vector>

#include "conf/values/record_rules.hpp"
#include "conf/values/server_rules.hpp"

namespace lictor::conf {

struct LocalOptions {
    std::vector<AddressRule> address;
    std::vector<HostRecord> host_record;
    std::vector<CnameRule> cname;
    bool no_hosts = false;
    std::vector<std::string> addn_hosts;
    std::vector<std::string> hostsdir;
    bool expand_hosts = false;
    std::vector<DomainRule> domain;  ///< the last one with Scope::all is used
    std::vector<TxtRecord> txt_record;
    std::vector<PtrRecord> ptr_record;
    std::vector<SrvRecord> srv_host;
    std::vector<MxRecord> mx_host;
    std::string mx_target;
    bool localmx = false, selfmx = false;
    std::vector<NaptrRecord> naptr_record;
    std::vector<CaaRecord> caa_record;
    std::vector<RawRecord> dns_rr;
    std::vector<InterfaceName> interface_name;
    std::vector<DynamicHost> dynamic_host;
    std::vector<SynthDomain> synth_domain;
    bool operator==(const LocalOptions&) const = default;
};

}  // namespace lictor::conf
