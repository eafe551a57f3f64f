# A database node: PostgreSQL under Patroni, PgBouncer, and a Consul agent or server, under supervisor. Both set-ups use this image; the
# command selects the set-up (setup-1, setup-2).

ARG BASE_IMAGE=debian:bookworm-slim
ARG CONSUL_IMAGE=hashicorp/consul:1.20
FROM ${CONSUL_IMAGE} AS consul

FROM ${BASE_IMAGE}
# Patroni creates the database cluster; Debian's default cluster and service starts are switched off.
RUN mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        postgresql patroni python3-consul pgbouncer supervisor \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
COPY --from=consul /bin/consul /usr/local/bin/consul
RUN useradd --system --user-group --home-dir /consul --shell /usr/sbin/nologin demo-consul \
 && install -d -o demo-consul -g demo-consul /consul/data /consul/config && install -d /consul/tls \
 && install -d -o postgres -g postgres -m 700 /var/lib/demo && install -d /etc/demo
COPY container/images/consul/agent.json /etc/demo/agent.json
COPY container/images/database/*.conf container/images/database/*.yml /etc/demo/
COPY container/images/database/start container/images/database/run-patroni container/images/database/post-bootstrap \
     container/images/database/topology container/images/database/healthy /usr/local/bin/
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s CMD ["healthy"]
ENTRYPOINT ["start"]
CMD ["setup-1"]
