# Consul where no registry can be reached: the packaged binary, laid out as the public image lays it out (binary in /bin, user consul,
# /consul/data). `make base` builds it; everywhere else the public image is taken.

ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
COPY consul /bin/consul
RUN useradd --system --user-group --home-dir /consul --shell /usr/sbin/nologin consul \
 && mkdir -p /consul/config /consul/data && chown -R consul:consul /consul
USER consul
HEALTHCHECK --interval=10s --timeout=3s CMD ["consul", "operator", "raft", "list-peers"]
ENTRYPOINT ["consul"]
