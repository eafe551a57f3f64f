# An application node: the application, lictor and (in set-up 1) a Consul agent, under supervisor; lictor is the only nameserver. It is the
# lictor image with Python added. The command selects the kind of node: setup-1, setup-2, ... (application/supervisor.*.conf).

ARG LICTOR_IMAGE=lictor-debian
ARG CONSUL_IMAGE=hashicorp/consul:1.20
FROM ${CONSUL_IMAGE} AS consul

FROM ${LICTOR_IMAGE}
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        python3-psycopg2 supervisor bind9-dnsutils \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
COPY --from=consul /bin/consul /usr/local/bin/consul
RUN useradd --system --user-group --home-dir /consul --shell /usr/sbin/nologin demo-consul \
 && useradd --system --user-group --create-home --home-dir /var/lib/application --shell /usr/sbin/nologin application \
 && install -d -o demo-consul -g demo-consul /consul/data /consul/config && install -d /consul/tls /etc/demo
COPY container/images/consul/agent.json /etc/demo/agent.json
COPY container/supervisor/lictor.conf /etc/demo/programs/lictor.conf
COPY container/images/application/*.conf /etc/demo/
COPY container/images/application/start container/images/application/application container/images/application/healthy /usr/local/bin/
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["healthy"]
ENTRYPOINT ["/opt/lictor/entrypoint", "--supervised", "start"]
CMD ["setup-1"]
