# An application and lictor beside it, in one network namespace (mode "bridge"). Change: the upstream, the image of lictor, the application.
job "application" {
  datacenters = ["dc1"]
  type        = "service"

  group "application" {
    network {
      mode = "bridge"

      # resolv.conf of all tasks of the group
      dns {
        servers = ["127.0.0.1"]
      }
    }

    # Starts before the application and stays beside it.
    task "lictor" {
      driver = "docker"

      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      config {
        image    = "localhost/lictor"
        command  = "/opt/lictor/bin/lictor"
        args     = ["--keep-in-foreground", "--conf-file=/local/lictor.conf"]
        cap_drop = ["all"]
        cap_add  = ["net_bind_service", "setuid", "setgid"]
      }

      # In a bridge network the agent of the client is not at 127.0.0.1: its address comes from the client's attributes.
      template {
        destination   = "local/lictor.conf"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data          = <<EOF
no-resolv
server=192.0.2.53
consul-http-addr=http://{{ env "attr.unique.network.ip-address" }}:8500
consul-dns={{ env "attr.unique.network.ip-address" }}#8600
leader=pglab
EOF
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }

    task "application" {
      driver = "docker"

      config {
        image   = "debian:bookworm-slim"
        command = "sleep"
        args    = ["infinity"]
      }
    }
  }
}
