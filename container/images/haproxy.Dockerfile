# HAProxy, with lictor added in two lines as to any image: its servers can then come from lictor (haproxy-lictor.cfg).

ARG BASE_IMAGE=debian:bookworm-slim
ARG LICTOR_IMAGE=lictor-debian
FROM ${LICTOR_IMAGE} AS lictor

FROM ${BASE_IMAGE}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
COPY container/images/haproxy/*.cfg /etc/haproxy/
COPY container/images/haproxy/healthy /usr/local/bin/
HEALTHCHECK --interval=10s --timeout=3s CMD ["healthy"]
COPY --from=lictor /opt/lictor /opt/lictor
ENTRYPOINT ["/opt/lictor/entrypoint"]
CMD ["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy-lictor.cfg"]
