"""TLS and SASL against a broker that asks for both: what is right works, what is wrong says so."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness
from kafka_server import KafkaServer

USER = "load-test"
PASSWORD = "right-word-7391"
JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
)
TOPICS = ["--create-topics", "partitions=2,replication=1"]


def make_certificate(folder: pathlib.Path, name: str, address: str) -> pathlib.Path:
    """A self-signed certificate for an address: <name>.p12 with its key, and <name>.pem."""
    store = ["-keystore", str(folder / f"{name}.p12"), "-storepass", "changeit", "-alias", "key"]
    make = ["-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", "-dname", f"CN={name}"]
    subprocess.run(
        ["keytool", *make, "-ext", f"san={address}", *store], check=True, capture_output=True
    )
    pem = folder / f"{name}.pem"
    subprocess.run(
        ["keytool", "-exportcert", "-rfc", "-file", str(pem), *store],
        check=True,
        capture_output=True,
    )
    return pem


class SecurityTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="playload-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.authority = make_certificate(cls.folder, "broker", "ip:127.0.0.1")
        cls.stranger = make_certificate(cls.folder, "stranger", "ip:127.0.0.1")
        cls.server = cls.enterClassContext(
            KafkaServer(
                {
                    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_SSL",
                    "sasl.enabled.mechanisms": "PLAIN",
                    "sasl.mechanism.inter.broker.protocol": "PLAIN",
                    "listener.name.plaintext.plain.sasl.jaas.config": JAAS,
                    "ssl.keystore.type": "PKCS12",
                    "ssl.keystore.location": str(cls.folder / "broker.p12"),
                    "ssl.keystore.password": "changeit",
                    "ssl.truststore.type": "PEM",
                    "ssl.truststore.location": str(cls.authority),
                }
            )
        )

    def run_with(self, code, **changes):
        settings = {
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "PLAIN",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(self.authority),
        }
        settings.update({key.replace("_", "."): value for key, value in changes.items()})
        config = self.scratch / "client.properties"
        config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        run_dir = self.scratch / "run"
        done = self.playload(
            *["run", "steady", "--rate", "1k", "--events", "500", *TOPICS],
            *["--to", f"kafka://{self.server.bootstrap}", "--kafka-config", config],
            *["--connect-timeout", "20s", "--run-dir", run_dir],
            code=code,
        )
        written = "".join(path.read_text() for path in run_dir.iterdir()) if code == 0 else ""
        for secret in (PASSWORD, changes.get("sasl_password", PASSWORD)):
            self.assertNotIn(secret, done.stdout + done.stderr + written)
        return done

    def test_what_is_right_works_also_over_a_restart(self):
        self.run_with(harness.EXIT_DONE)
        self.assertEqual(
            self.summary(self.scratch / "run")["status"], "done", "nothing is left open"
        )
        shutil.rmtree(self.scratch / "run")
        self.server.kill()
        self.server.restart()
        self.run_with(harness.EXIT_DONE)

    def test_a_wrong_password_ends_at_once(self):
        done = self.run_with(harness.EXIT_UNREACHABLE, sasl_password="wrong-word-5512")
        self.assertLess(done.seconds, 15, done)
        self.assertRegex(done.stderr, "(?i)authentication", done)

    def test_a_certificate_that_is_not_trusted_ends_at_once(self):
        done = self.run_with(harness.EXIT_UNREACHABLE, ssl_ca_location=str(self.stranger))
        self.assertLess(done.seconds, 15, done)
        self.assertRegex(done.stderr, "(?i)certificate", done)

    def test_no_tls_at_all(self):
        done = self.run_with(harness.EXIT_UNREACHABLE, security_protocol="plaintext")
        self.assertIn(self.server.bootstrap, done.stderr)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
