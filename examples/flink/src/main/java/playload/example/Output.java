package playload.example;

/** A record of an output topic. */
public record Output(String key, String value) {}
