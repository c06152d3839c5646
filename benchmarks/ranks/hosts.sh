#!/bin/sh
# Two hosts in one machine: network namespaces that a cable of a given rate joins.
#
#   hosts.sh up RATE        make them; RATE as tc has it, such as 1gbit, or none for as fast as it goes
#   hosts.sh down           remove them
#   hosts.sh openmpi CMD…   a rank of CMD on each, by Open MPI over TCP; CMD is an absolute path
#   hosts.sh mpich CMD…     the same by MPICH
#
# Wants root, iproute2, and the launchers.
set -e
self=$(cd "$(dirname "$0")" && pwd)/hosts.sh
first=10.78.0.1 second=10.78.0.2

# Libraries take processes of one host name for neighbours in shared memory: each namespace has a name of its own.
inside() {
	host=$1
	shift
	exec ip netns exec "$host" unshare -u sh -c 'hostname "$0"; exec "$@"' "$host" "$@"
}

case $1 in
up)
	for x in 1 2; do ip netns add gorgpt$x; done
	ip link add cable1 netns gorgpt1 type veth peer name cable2 netns gorgpt2
	for x in 1 2; do
		ip -n gorgpt$x addr add 10.78.0.$x/24 dev cable$x
		ip -n gorgpt$x link set lo up
		ip -n gorgpt$x link set cable$x up
		[ "${2:-none}" = none ] || tc -n gorgpt$x qdisc add dev cable$x root tbf rate "$2" burst 1mb latency 50ms
	done
	for x in 1 2; do # a new cable counts as plugged in up to a second late
		until ip -n gorgpt$x link show cable$x | grep -q 'state UP'; do sleep 0.1; done
	done
	;;
down)
	for x in 1 2; do ip netns del gorgpt$x; done
	;;
ssh) # what the launchers call in place of ssh: options, host, command
	shift
	while [ "${1#-}" != "$1" ]; do shift; done
	host=gorgpt1
	[ "$1" = $second ] && host=gorgpt2
	shift
	inside $host sh -c "$*"
	;;
openmpi)
	shift
	inside gorgpt1 mpirun.openmpi --allow-run-as-root --bind-to none --mca plm_rsh_agent "$self ssh" --mca btl self,tcp \
		--mca btl_tcp_if_include 10.78.0.0/24 --mca oob_tcp_if_include 10.78.0.0/24 -H $first:1,$second:1 "$@"
	;;
mpich)
	shift
	agent=$(mktemp)
	printf '#!/bin/sh\nexec %s ssh "$@"\n' "$self" >"$agent"
	chmod +x "$agent"
	# UCX would find shared memory across the namespaces.
	inside gorgpt1 env UCX_TLS=tcp,self mpiexec.mpich -launcher ssh -launcher-exec "$agent" -hosts $first,$second "$@"
	;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | sed '/^set/d' >&2
	exit 2
	;;
esac
