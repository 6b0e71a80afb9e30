//! A thread that accepts connections on a listener until it is dropped.
//!
//! It sleeps in the kernel meanwhile: hundreds of doors that looked every few milliseconds took more processor
//! time than the programs under test.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};

use socket2::Socket;

/// Dropped, it listens no more, and its address is free.
pub struct Acceptor {
    /// The same listener as the thread's.
    listener: Socket,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    pub fn tcp(listener: TcpListener, visit: impl FnMut(TcpStream) + Send + 'static) -> Acceptor {
        let same = listener.try_clone().unwrap();
        Acceptor::over(
            same.into(),
            move || listener.accept().map(|(stream, _)| stream),
            visit,
        )
    }

    pub fn unix(
        listener: UnixListener,
        visit: impl FnMut(UnixStream) + Send + 'static,
    ) -> Acceptor {
        let same = listener.try_clone().unwrap();
        Acceptor::over(
            same.into(),
            move || listener.accept().map(|(stream, _)| stream),
            visit,
        )
    }

    fn over<Stream>(
        listener: Socket,
        accept: impl Fn() -> io::Result<Stream> + Send + 'static,
        mut visit: impl FnMut(Stream) + Send + 'static,
    ) -> Acceptor {
        let thread = thread::spawn(move || loop {
            match accept() {
                Ok(stream) => visit(stream),
                // What shutdown does to who waits.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
                // The visitor has gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => panic!("accept: {error}"),
            }
        });
        Acceptor {
            listener,
            thread: Some(thread),
        }
    }

    /// From now on nobody is let in. The address is free once this is dropped.
    pub fn close(&self) {
        // An error means that it is closed already.
        let _ = self.listener.shutdown(Shutdown::Both);
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has said what it was.
            let _ = thread.join();
        }
    }
}
