/* The floor: what an IMAP probe costs at the least. socket, connect, recv, send LOGOUT, recv until
 * the end, close, one after the other in one thread, and nothing else.
 *
 *     floor PORT FIRST-ADDRESS BACKENDS PROBES A-SECOND [AUTHORITY NAME]
 *
 * With a number a second above 0 it sleeps before each probe, evenly: what a pace alone costs, as each
 * sleep cools the caches. With a certificate authority it speaks TLS, and checks that the server's
 * certificate bears the name.
 *
 * Prints the microseconds of CPU and the voluntary context switches that all probes took. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char logout[] = "a5 LOGOUT\r\n";

static void die(void)
{
	perror("floor");
	exit(1);
}

static int connected(in_addr_t address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die();
	return fd;
}

static void probe(in_addr_t address, int port)
{
	char text[1024];
	int fd = connected(address, port);

	if (recv(fd, text, sizeof(text), 0) <= 0 || send(fd, logout, sizeof(logout) - 1, 0) < 0 ||
	    recv(fd, text, sizeof(text), 0) <= 0)
		die();
	close(fd);
}

static void probe_tls(in_addr_t address, int port, SSL_CTX *context, const char *name)
{
	char text[1024];
	int fd = connected(address, port), on = 1;
	SSL *ssl = SSL_new(context);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_tlsext_host_name(ssl, name);
	SSL_set1_host(ssl, name);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1 || SSL_read(ssl, text, sizeof(text)) <= 0 ||
	    SSL_write(ssl, logout, sizeof(logout) - 1) <= 0 || SSL_read(ssl, text, sizeof(text)) <= 0)
		die();
	SSL_free(ssl);
	close(fd);
}

static SSL_CTX *client_context(const char *authority)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	/* What has come is read in one call. */
	SSL_CTX_set_read_ahead(context, 1);
	if (SSL_CTX_load_verify_locations(context, authority, NULL) != 1)
		die();
	return context;
}

static long long microseconds(const struct rusage *used)
{
	return 1000000LL * (used->ru_utime.tv_sec + used->ru_stime.tv_sec) + used->ru_utime.tv_usec +
	       used->ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage before, used;
	in_addr_t first;
	long backends, probes, number, pause;
	struct timespec next;
	SSL_CTX *context;

	if (argc != 6 && argc != 8)
		return 2;
	pause = atol(argv[5]) ? 1000000000L / atol(argv[5]) : 0;
	context = argc == 8 ? client_context(argv[6]) : NULL;
	getrusage(RUSAGE_SELF, &before);
	clock_gettime(CLOCK_MONOTONIC, &next);
	first = ntohl(inet_addr(argv[2]));
	backends = atol(argv[3]);
	probes = atol(argv[4]);
	for (number = 0; number < probes; number++) {
		if (pause) {
			next.tv_nsec += pause;
			next.tv_sec += next.tv_nsec / 1000000000L;
			next.tv_nsec %= 1000000000L;
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		}
		if (context)
			probe_tls(first + number % backends, atoi(argv[1]), context, argv[7]);
		else
			probe(first + number % backends, atoi(argv[1]));
	}
	getrusage(RUSAGE_SELF, &used);
	printf("%lld %ld\n", microseconds(&used) - microseconds(&before),
	       used.ru_nvcsw - before.ru_nvcsw);
	return 0;
}
