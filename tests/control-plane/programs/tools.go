//go:build tools

// Package programs pins the control plane that the tests and the demo run against. There is no code here:
// go.mod and go.sum are the pins, and these imports keep `go mod tidy` from dropping them.
package programs

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
