/* The floor: what a plain IMAP probe costs at the least. socket, connect, recv, send LOGOUT, recv
 * until the end, close, one after the other in one thread, and nothing else.
 *
 *     floor PORT FIRST-ADDRESS BACKENDS PROBES [A-SECOND]
 *
 * With a number a second it sleeps before each probe, evenly: what a pace alone costs, as each sleep
 * cools the caches.
 *
 * Prints the microseconds of CPU and the voluntary context switches that all probes took. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char logout[] = "a5 LOGOUT\r\n";

static void probe(in_addr_t address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	char text[1024];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    recv(fd, text, sizeof(text), 0) <= 0 || send(fd, logout, sizeof(logout) - 1, 0) < 0 ||
	    recv(fd, text, sizeof(text), 0) <= 0) {
		perror("floor");
		exit(1);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct rusage used;
	in_addr_t first;
	long backends, probes, number, pause;
	struct timespec next;

	if (argc != 5 && argc != 6)
		return 2;
	pause = argc == 6 ? 1000000000L / atol(argv[5]) : 0;
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
		probe(first + number % backends, atoi(argv[1]));
	}
	getrusage(RUSAGE_SELF, &used);
	printf("%lld %ld\n",
	       1000000LL * (used.ru_utime.tv_sec + used.ru_stime.tv_sec) + used.ru_utime.tv_usec +
		       used.ru_stime.tv_usec,
	       used.ru_nvcsw);
	return 0;
}
