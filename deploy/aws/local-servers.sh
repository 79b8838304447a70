#!/bin/sh
# Servers on this machine in place of AWS, to try a move with (docs/aws.md, "Try it here"): versitygw with the buckets `log`
# and `mirror`, and MariaDB with a database `log`, on the loopback, with passwords that everybody knows.
#
#   deploy/aws/local-servers.sh /srv/aws       # keeps all below /srv/aws, which must not exist yet
#   . /srv/aws/environment                     # tells this shell where they are
#   kill $(cat /srv/aws/pids)                  # ends them; then rm -r /srv/aws
#
# Other ports: S3_PORT, MYSQL_PORT.
set -eu
# Those of another server, which the client would send to this one.
unset MYSQL_PWD MYSQL_HOST
home=$1 s3_port=${S3_PORT:-7070} mysql_port=${MYSQL_PORT:-3307}
PATH=$PATH:/usr/sbin:$HOME/go/bin
mkdir "$home"
home=$(cd "$home" && pwd)
mkdir -p "$home/s3/log" "$home/s3/mirror" "$home/metadata" "$home/tmp"

as_root=
if [ "$(id -u)" = 0 ]; then as_root=--user=root; fi
mariadb-install-db --no-defaults $as_root --datadir="$home/mysql" --tmpdir="$home/tmp" --skip-test-db \
  --auth-root-authentication-method=normal >"$home/mysql.log"

ROOT_ACCESS_KEY=test ROOT_SECRET_KEY=testtest nohup versitygw --port "127.0.0.1:$s3_port" --keep-alive --quiet \
  posix --sidecar "$home/metadata" "$home/s3" >"$home/s3.log" 2>&1 </dev/null &
s3=$!
nohup mariadbd --no-defaults $as_root --datadir="$home/mysql" --tmpdir="$home/tmp" --socket="$home/socket" \
  --bind-address=127.0.0.1 --port="$mysql_port" >>"$home/mysql.log" 2>&1 </dev/null &
mysql=$!
echo "$s3 $mysql" >"$home/pids"

# Tries a command until it succeeds, while the server whose number is the first argument runs.
wait_for() {
  server=$1 log=$2
  shift 2
  until "$@" >"$home/wait.log" 2>&1; do
    if ! kill -0 "$server" 2>/dev/null; then
      for other in "$s3" "$mysql"; do kill "$other" 2>/dev/null || true; done
      echo "a server has ended: see $log" >&2
      exit 1
    fi
    sleep 0.2
  done
}
wait_for "$s3" "$home/s3.log" curl -sS "http://127.0.0.1:$s3_port"
wait_for "$mysql" "$home/mysql.log" mariadb --no-defaults -u root -S "$home/socket" -e \
  "CREATE DATABASE log; CREATE USER tessera IDENTIFIED BY 'secret'; GRANT ALL ON log.* TO tessera"

cat >"$home/environment" <<END
export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$s3_port AWS_REGION=us-east-1 MYSQL_PWD=secret
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=testtest
END
echo "S3 at 127.0.0.1:$s3_port, MySQL at 127.0.0.1:$mysql_port; . $home/environment tells a shell; kill \$(cat $home/pids) ends them"
