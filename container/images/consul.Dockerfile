# Consul for machines without a registry: the packaged binary in the layout of the public image (binary in /bin, user consul,
# /consul/data). `make base` builds it; otherwise the public image is used.

ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
COPY consul /bin/consul
RUN useradd --system --user-group --home-dir /consul --shell /usr/sbin/nologin consul \
 && mkdir -p /consul/config /consul/data && chown -R consul:consul /consul
USER consul
HEALTHCHECK --interval=10s --timeout=3s CMD ["consul", "operator", "raft", "list-peers"]
ENTRYPOINT ["consul"]
