// What does Java's resolver return? Calls InetAddress.getAllByName once for each name, and prints one line for each:
//     java Resolve NAME...     ->     ok ADDRESS...   or   error CLASS
import java.net.InetAddress;
import java.net.UnknownHostException;

class Resolve {
    public static void main(String[] names) {
        for (String name : names) {
            try {
                StringBuilder line = new StringBuilder("ok");
                for (InetAddress address : InetAddress.getAllByName(name)) line.append(' ').append(address.getHostAddress());
                System.out.println(line);
            } catch (UnknownHostException error) {
                System.out.println("error " + error.getClass().getSimpleName());
            }
        }
    }
}
