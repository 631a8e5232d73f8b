package playload.example;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/** Runs a file of SQL on a Flink of its own: all its INSERTs as one job. */
public final class RunSql {
  private static final String LOOPBACK = "127.0.0.1";
  private static final String USAGE = "usage: java -jar flink-sql.jar FILE KAFKA [NAME=VALUE...]";

  private RunSql() {}

  public static void main(String[] args) throws Exception {
    if (args.length < 2) {
      System.err.println(USAGE);
      System.exit(104);
    }
    String sql = Files.readString(Path.of(args[0])).replace("${kafka}", args[1]);
    for (String setting : Arrays.asList(args).subList(2, args.length)) {
      int equals = setting.indexOf('=');
      sql =
          sql.replace("${" + setting.substring(0, equals) + "}", setting.substring(equals + 1));
    }
    // Whoever reaches Flink's REST port can cancel jobs; by default everybody does.
    Configuration configuration = new Configuration();
    configuration.set(RestOptions.BIND_ADDRESS, LOOPBACK);
    configuration.set(JobManagerOptions.BIND_HOST, LOOPBACK);
    TableEnvironment tables =
        TableEnvironment.create(
            EnvironmentSettings.newInstance()
                .inStreamingMode()
                .withConfiguration(configuration)
                .build());
    StatementSet inserts = tables.createStatementSet();
    for (String statement : statements(sql)) {
      String[] setting = statement.split("'");
      if (statement.startsWith("INSERT")) {
        inserts.addInsertSql(statement);
      } else if (statement.startsWith("SET") && setting.length == 4) { // SET 'name' = 'value'
        tables.getConfig().set(setting[1], setting[3]);
      } else {
        tables.executeSql(statement);
      }
    }
    Topics.create(args[1], topics(sql));
    TableResult job = inserts.execute();
    System.out.println("running");
    job.await(); // only a failure ends it
  }

  /** A statement ends with a semicolon at a line's end; lines that begin with -- are comments. */
  static List<String> statements(String sql) {
    String code =
        sql.lines().filter(line -> !line.startsWith("--")).collect(Collectors.joining("\n"));
    return Stream.of(code.split(";\\s*\n|;\\s*$"))
        .map(String::strip)
        .filter(s -> !s.isEmpty())
        .toList();
  }

  /** What stands behind 'topic' =. */
  private static List<String> topics(String sql) {
    List<String> topics = new ArrayList<>();
    String before = "'topic' = '";
    for (int at = sql.indexOf(before); at >= 0; at = sql.indexOf(before, at + 1)) {
      int begin = at + before.length();
      topics.add(sql.substring(begin, sql.indexOf('\'', begin)));
    }
    return topics;
  }
}
