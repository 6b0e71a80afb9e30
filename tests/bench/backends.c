/* Thousands of IMAP servers in one thread: greeting, LOGOUT, close, in clear or under TLS. Cheap, so
 * that it does not slow down what it is there to measure.
 *
 *     backends CERTIFICATE KEY
 *
 * Each session new is what a Dovecot 2.3 gives by default: each connection has a login process of its
 * own, and none can open the tickets of another. With `service_count = 0` sessions are resumed.
 *
 * Commands come by lines on standard input, and each is answered by one line:
 *
 *     any PORT                    plain, on every address           -> ok
 *     any-tls PORT                the same under TLS, each session new -> ok
 *     any-tls-resuming PORT       the same, and sessions are resumed  -> ok
 *     each PORT FIRST COUNT       COUNT addresses with a socket each -> ok
 *     refuse FROM TO              of `each`, by number: nobody listens -> ok
 *     freeze FROM TO              accepted and never answered       -> ok
 *     half FROM TO                half a greeting, then silence     -> ok
 *     serve FROM TO               as before                         -> ok
 *     count                       finished sessions                 -> the number
 *     first                       the next connection               -> ok, later "first"
 *     reach COUNT                 so many more finished sessions    -> ok, later "reached"
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum mode { SERVES, FREEZES, HALF_FREEZES };

struct end {
	int fd;
	/* Its socket may be closed, while it refuses. */
	int is_listener;
	int listens;
	enum mode mode;
	/* Of a listener whose sessions are encrypted. */
	SSL_CTX *tls;
	SSL *ssl;
	int greeted;
	struct sockaddr_in address;
};

static const char greeting[] = "* OK ready\r\n";
static const char half_greeting[] = "* OK re";

static int epoll;
/* Whether a session can be resumed by a later connection. */
static SSL_CTX *each_new, *resuming;
static struct end *each;
static int each_count;
static long finished, reach, first_wanted;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static void watch(struct end *end)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = end };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, end->fd, &event) < 0)
		die("epoll_ctl");
}

static void open_listener(struct end *end)
{
	int on = 1;

	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (end->fd < 0)
		die("socket");
	setsockopt(end->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Inherited by the connections. */
	setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(end->fd, (struct sockaddr *)&end->address, sizeof(end->address)) < 0)
		die("bind");
	if (listen(end->fd, 65535) < 0)
		die("listen");
	end->is_listener = 1;
	end->listens = 1;
	watch(end);
}

static void open_any(int port, SSL_CTX *tls)
{
	struct end *end = calloc(1, sizeof(*end));

	end->tls = tls;
	end->address.sin_family = AF_INET;
	end->address.sin_port = htons(port);
	open_listener(end);
}

static void open_each(int port, in_addr_t first, int count)
{
	int number;

	each = calloc(count, sizeof(*each));
	each_count = count;
	for (number = 0; number < count; number++) {
		each[number].address.sin_family = AF_INET;
		each[number].address.sin_port = htons(port);
		each[number].address.sin_addr.s_addr = htonl(first + number);
		open_listener(&each[number]);
	}
}

static void leave(struct end *end)
{
	if (end->ssl) {
		SSL_shutdown(end->ssl);
		SSL_free(end->ssl);
	}
	close(end->fd);
	free(end);
}

static int send_text(struct end *end, const char *text, size_t length)
{
	if (end->ssl)
		return SSL_write(end->ssl, text, length);
	return send(end->fd, text, length, MSG_NOSIGNAL);
}

static void greet(struct end *end)
{
	end->greeted = 1;
	if (end->mode == HALF_FREEZES)
		send_text(end, half_greeting, sizeof(half_greeting) - 1);
	else
		send_text(end, greeting, sizeof(greeting) - 1);
}

/* No ticket given so far will be known any more. */
static void forget_tickets(SSL_CTX *context)
{
	unsigned char keys[80];

	if (RAND_bytes(keys, sizeof(keys)) != 1 ||
	    SSL_CTX_set_tlsext_ticket_keys(context, keys, sizeof(keys)) != 1)
		die("ticket keys");
}

static void take_connections(struct end *listener)
{
	for (;;) {
		struct end *end;
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (first_wanted) {
			first_wanted = 0;
			say("first");
		}
		end = calloc(1, sizeof(*end));
		end->fd = fd;
		end->mode = listener->mode;
		if (listener->tls) {
			if (listener->tls == each_new)
				forget_tickets(each_new);
			end->ssl = SSL_new(listener->tls);
			SSL_set_fd(end->ssl, fd);
			SSL_set_accept_state(end->ssl);
		} else if (end->mode != FREEZES) {
			greet(end);
		}
		watch(end);
	}
}

static void hear(struct end *end)
{
	char text[512], reply[600];
	int length;

	if (end->mode == FREEZES || (end->mode == HALF_FREEZES && end->greeted)) {
		if (recv(end->fd, text, sizeof(text), 0) == 0)
			leave(end);
		return;
	}
	if (end->ssl) {
		if (!end->greeted) {
			int result = SSL_do_handshake(end->ssl);

			if (result == 1)
				greet(end);
			else if (SSL_get_error(end->ssl, result) != SSL_ERROR_WANT_READ)
				leave(end);
			return;
		}
		length = SSL_read(end->ssl, text, sizeof(text) - 1);
		if (length <= 0 && SSL_get_error(end->ssl, length) == SSL_ERROR_WANT_READ)
			return;
	} else {
		length = recv(end->fd, text, sizeof(text) - 1, 0);
		if (length < 0 && errno == EAGAIN)
			return;
	}
	if (length > 0) {
		char *space;

		text[length] = 0;
		space = strchr(text, ' ');
		if (space) {
			*space = 0;
			length = snprintf(reply, sizeof(reply), "* BYE\r\n%s OK\r\n", text);
			send_text(end, reply, length);
			finished++;
			if (reach > 0 && --reach == 0)
				say("reached");
		}
	}
	leave(end);
}

static void set_mode(int from, int to, enum mode mode)
{
	for (; from < to && from < each_count; from++) {
		each[from].mode = mode;
		if (!each[from].listens)
			open_listener(&each[from]);
	}
}

static void refuse(int from, int to)
{
	for (; from < to && from < each_count; from++) {
		close(each[from].fd);
		each[from].listens = 0;
	}
}

static void obey(char *line)
{
	char address[64];
	long a, b;

	if (sscanf(line, "any-tls %ld", &a) == 1) {
		open_any(a, each_new);
	} else if (sscanf(line, "any-tls-resuming %ld", &a) == 1) {
		open_any(a, resuming);
	} else if (sscanf(line, "any %ld", &a) == 1) {
		open_any(a, NULL);
	} else if (sscanf(line, "each %ld %63s %ld", &a, address, &b) == 3) {
		open_each(a, ntohl(inet_addr(address)), b);
	} else if (sscanf(line, "refuse %ld %ld", &a, &b) == 2) {
		refuse(a, b);
	} else if (sscanf(line, "freeze %ld %ld", &a, &b) == 2) {
		set_mode(a, b, FREEZES);
	} else if (sscanf(line, "half %ld %ld", &a, &b) == 2) {
		set_mode(a, b, HALF_FREEZES);
	} else if (sscanf(line, "serve %ld %ld", &a, &b) == 2) {
		set_mode(a, b, SERVES);
	} else if (sscanf(line, "reach %ld", &a) == 1) {
		reach = a;
	} else if (strcmp(line, "first") == 0) {
		first_wanted = 1;
	} else if (strcmp(line, "count") == 0) {
		printf("%ld\n", finished);
		fflush(stdout);
		return;
	} else {
		fprintf(stderr, "backends: unknown command %s\n", line);
		exit(1);
	}
	say("ok");
}

/* The other side waits for each answer, so a read never holds more than one line. */
static void take_command(void)
{
	char line[256];
	ssize_t length = read(0, line, sizeof(line) - 1);

	if (length <= 0)
		exit(0);
	line[length] = 0;
	line[strcspn(line, "\n")] = 0;
	obey(line);
}

static SSL_CTX *server_context(const char *certificate, const char *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "backends: no certificate\n");
		exit(1);
	}
	return context;
}

int main(int argc, char **argv)
{
	struct end commands = { .fd = 0 };
	struct rlimit files;

	if (argc != 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	each_new = server_context(argv[1], argv[2]);
	resuming = server_context(argv[1], argv[2]);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(&commands);
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(epoll, events, 64, -1), number;

		for (number = 0; number < count; number++) {
			struct end *end = events[number].data.ptr;

			if (end == &commands)
				take_command();
			else if (end->is_listener && end->listens)
				take_connections(end);
			else if (!end->is_listener)
				hear(end);
		}
	}
}
