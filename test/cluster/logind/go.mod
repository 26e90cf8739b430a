module net-exporter-cluster-logind

go 1.26.6

require github.com/godbus/dbus/v5 v5.2.2

require golang.org/x/sys v0.49.0 // indirect
